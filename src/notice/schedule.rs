//! Who is told next: every notice that waits, in lanes that do not wait for each other.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::NoticeId;

use super::{About, Lane, Notice};

/// Every notice that is not over, by its lane.
///
/// As many as the store lets wait. Of each no more is here than its names and times.
#[derive(Debug)]
pub struct Schedule {
    lanes: BTreeMap<Lane, OfLane>,
    /// When each was created: the oldest first.
    ages: BTreeSet<(i64, NoticeId)>,
    under_way: usize,
    under_way_max: usize,
    of_lane_max: usize,
}

#[derive(Debug, Default)]
struct OfLane {
    waiting: BTreeMap<(i64, NoticeId), Due>,
    under_way: usize,
}

/// A notice that is to be tried, and the only way to have it leave the schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    notice: Notice,
}

impl Due {
    /// What is to be told.
    pub const fn notice(&self) -> &Notice {
        &self.notice
    }

    /// What it tells of.
    pub const fn about(&self) -> &About {
        &self.notice.about
    }
}

impl Schedule {
    /// An empty one: so many may be under way at once, and so many of one lane.
    pub const fn new(under_way_max: usize, of_lane_max: usize) -> Self {
        Self {
            lanes: BTreeMap::new(),
            ages: BTreeSet::new(),
            under_way: 0,
            under_way_max,
            of_lane_max,
        }
    }

    /// Takes a notice up; one that is known already stays as it is.
    pub fn put(&mut self, notice: Notice) {
        if self.ages.insert((notice.created_at_ms, notice.id.clone())) {
            self.wait(notice);
        }
    }

    /// Everything that is to be tried now, the most overdue first and no more than may be under
    /// way. Each is given back with [`Schedule::again`] or [`Schedule::over`].
    pub fn take(&mut self, now_ms: i64) -> Vec<Due> {
        let mut taken = Vec::new();
        while self.under_way < self.under_way_max {
            let of_lane_max = self.of_lane_max;
            let ready = self.lanes.values_mut().filter(|lane| lane.under_way < of_lane_max);
            let first = |lane: &mut OfLane| lane.waiting.keys().next().map(|(at_ms, _)| *at_ms);
            let found = ready.filter_map(|lane| Some((first(lane)?, lane)));
            let found = found.min_by_key(|(at_ms, _)| *at_ms).filter(|(at_ms, _)| *at_ms <= now_ms);
            let Some((_, due)) = found.and_then(|(_, lane)| {
                lane.under_way = lane.under_way.saturating_add(1);
                lane.waiting.pop_first()
            }) else {
                break;
            };
            self.under_way = self.under_way.saturating_add(1);
            taken.push(due);
        }
        taken
    }

    /// It is tried again at a later time.
    pub fn again(&mut self, due: Due, at_ms: i64, tries: u32) {
        self.leave(&due.notice.lane);
        self.wait(Notice { at_ms, tries, ..due.notice });
    }

    /// It is told or given up.
    pub fn over(&mut self, due: &Due) {
        self.ages.remove(&(due.notice.created_at_ms, due.notice.id.clone()));
        self.leave(&due.notice.lane);
    }

    /// When the next one is to be tried that has a place to be; `None` when none has.
    pub fn next_at_ms(&self) -> Option<i64> {
        if self.under_way >= self.under_way_max {
            return None;
        }
        let ready = self.lanes.values().filter(|lane| lane.under_way < self.of_lane_max);
        ready.filter_map(|lane| lane.waiting.keys().next().map(|(at_ms, _)| *at_ms)).min()
    }

    /// How many are not over.
    pub fn len(&self) -> usize {
        self.ages.len()
    }

    /// Whether all are.
    pub fn is_empty(&self) -> bool {
        self.ages.is_empty()
    }

    /// When the oldest of those was created.
    pub fn oldest_ms(&self) -> Option<i64> {
        self.ages.first().map(|(created_at_ms, _)| *created_at_ms)
    }

    fn wait(&mut self, notice: Notice) {
        let lane = self.lanes.entry(notice.lane.clone()).or_default();
        lane.waiting.insert((notice.at_ms, notice.id.clone()), Due { notice });
    }

    /// Gives a place back; a lane that has nothing left is forgotten.
    fn leave(&mut self, lane: &Lane) {
        self.under_way = self.under_way.saturating_sub(1);
        let Some(own) = self.lanes.get_mut(lane) else { return };
        own.under_way = own.under_way.saturating_sub(1);
        if own.under_way == 0 && own.waiting.is_empty() {
            self.lanes.remove(lane);
        }
    }
}
