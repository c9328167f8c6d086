//! Limits that bind one subject, put together once when policy is read.

use std::sync::Arc;

use super::{Limit, Of};

/// Everything that binds one subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// What the subject is.
    pub of: Of,
    /// Its windows.
    pub limits: Vec<Limit>,
    /// Requests at once; `None` for no bound.
    pub concurrency_max: Option<u32>,
    /// Whether requests that run are counted, whether or not they are bounded now.
    pub leases: bool,
    /// Whether they only tell when they would have refused: then there is one limit.
    pub shadow: bool,
    /// The model that all of it is about; `None` where it is about any.
    pub model: Option<Arc<str>>,
}

/// Who asks, by every name that a subject can have.
#[derive(Clone, Copy, Debug)]
pub struct Whose<'a> {
    /// The key.
    pub key: &'a str,
    /// Its workspace.
    pub workspace: &'a str,
    /// Its plan.
    pub plan: &'a str,
}

impl Bounds {
    /// The bounds of a plan. Those of the key come first, and are there even if nothing binds it:
    /// a policy of tomorrow may need what was admitted today.
    pub fn of_plan(limits: &[Limit], concurrency_max: Option<u32>) -> Vec<Arc<Self>> {
        let key = Self {
            of: Of::Key,
            limits: of(limits, Of::Key),
            concurrency_max,
            leases: true,
            shadow: false,
            model: None,
        };
        let mut all = vec![Arc::new(key)];
        all.extend(Self::others(limits, &[Of::Workspace, Of::Plan], None));
        all
    }

    /// The bounds of a model.
    pub fn of_model(limits: &[Limit], model: &str) -> Vec<Arc<Self>> {
        Self::others(limits, &[Of::Key, Of::Workspace, Of::Plan, Of::Model], Some(&model.into()))
    }

    fn others(limits: &[Limit], subjects: &[Of], model: Option<&Arc<str>>) -> Vec<Arc<Self>> {
        let bounds = |of, limits, shadow| {
            let model = model.cloned();
            Arc::new(Self { of, limits, concurrency_max: None, leases: false, shadow, model })
        };
        let real = subjects.iter().map(|subject| bounds(*subject, of(limits, *subject), false));
        let mut all: Vec<_> = real.filter(|bounds| !bounds.limits.is_empty()).collect();
        let shadows = limits.iter().filter(|limit| limit.shadow);
        all.extend(shadows.map(|limit| bounds(limit.of, vec![limit.clone()], true)));
        all
    }

    /// The name of the subject for this caller: no two subjects share one. A shadow counts on its
    /// own, for it admits other requests than those that count.
    pub fn subject(&self, whose: Whose<'_>) -> String {
        let id = match self.of {
            Of::Key => whose.key,
            Of::Workspace => whose.workspace,
            Of::Plan => whose.plan,
            Of::Model => "",
        };
        let mut subject = match &self.model {
            Some(model) => format!("model/{model}/{}/{id}", self.of.name()),
            None => format!("{}/{id}", self.of.name()),
        };
        if let Some(limit) = self.limits.first().filter(|_| self.shadow) {
            subject.push_str("/shadow/");
            subject.push_str(&limit.name);
        }
        subject
    }

    /// Each limit's share of `nodes`, where every node counts alone. A limit below the number of
    /// nodes admits nothing.
    #[must_use]
    pub fn share(&self, nodes: u32) -> Self {
        let part = |most: u64| most.checked_div(u64::from(nodes)).unwrap_or(most);
        let limits = self.limits.iter();
        let limits = limits.map(|limit| Limit { most: part(limit.most), ..limit.clone() });
        Self {
            limits: limits.collect(),
            concurrency_max: self
                .concurrency_max
                .map(|most| most.checked_div(nodes).unwrap_or(most)),
            ..self.clone()
        }
    }
}

fn of(limits: &[Limit], subject: Of) -> Vec<Limit> {
    limits.iter().filter(|limit| limit.of == subject && !limit.shadow).cloned().collect()
}
