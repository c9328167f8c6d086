//! The most that one workspace may take up of a room that all share.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::id::WorkspaceId;

/// How much each workspace has taken. It knows only those that have taken something.
#[derive(Debug)]
pub(super) struct Shares {
    used: Mutex<HashMap<WorkspaceId, usize>>,
    most: usize,
}

/// What one request has taken for its workspace; given back by being dropped.
#[derive(Debug)]
pub(super) struct Share {
    shares: Arc<Shares>,
    workspace: WorkspaceId,
    size: usize,
}

impl Shares {
    /// Nothing taken yet; each workspace may take `most`.
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { used: Mutex::default(), most })
    }

    /// Takes `size` for a workspace; `None` when it has not as much left.
    pub(super) fn take(self: &Arc<Self>, workspace: &WorkspaceId, size: usize) -> Option<Share> {
        let mut share = Share { shares: Arc::clone(self), workspace: workspace.clone(), size: 0 };
        share.grow(size).then_some(share)
    }
}

impl Share {
    /// Takes more; false when there is not as much left.
    pub(super) fn grow(&mut self, by: usize) -> bool {
        let mut used = self.shares.used.lock();
        let before = used.get(&self.workspace).copied().unwrap_or(0);
        let Some(sum) = before.checked_add(by).filter(|sum| *sum <= self.shares.most) else {
            return false;
        };
        if by > 0 {
            used.insert(self.workspace.clone(), sum);
            self.size = self.size.saturating_add(by);
        }
        true
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut used = self.shares.used.lock();
        let left = used.get(&self.workspace).map_or(0, |used| used.saturating_sub(self.size));
        if left == 0 {
            used.remove(&self.workspace);
        } else {
            used.insert(self.workspace.clone(), left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workspace_takes_its_share_and_leaves_others_theirs() {
        let shares = Shares::new(10);
        let (one, other) = (WorkspaceId::known("ws_one"), WorkspaceId::known("ws_other"));
        let mut taken = shares.take(&one, 6).unwrap();
        assert!(shares.take(&one, 5).is_none());
        assert!(taken.grow(4) && !taken.grow(1));
        let others = shares.take(&other, 10).unwrap();
        drop(taken);
        assert!(shares.take(&one, 10).is_some());
        drop(others);
        assert!(shares.used.lock().is_empty(), "nobody is remembered who has nothing");
    }
}
