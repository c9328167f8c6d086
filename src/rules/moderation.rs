//! What policy denies of what a moderation model finds.

use std::collections::BTreeMap;

use crate::canonical::Moderated;

/// From which score on a category is denied; by the vendor's own flag where no score is given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Moderation {
    /// The categories that are denied; whatever the vendor flags where there are none.
    pub denied: BTreeMap<String, Option<f64>>,
    /// What the caller is told.
    pub message: String,
}

impl Moderation {
    /// The category that a text is denied for; `flagged` where policy names none.
    pub fn judge<'m>(&'m self, found: &Moderated) -> Option<&'m str> {
        if self.denied.is_empty() {
            return found.is_flagged.then_some("flagged");
        }
        let is_denied = |name: &str, least: Option<f64>| {
            let own = found.categories.get(name).copied().unwrap_or_default();
            least.map_or(own.is_flagged, |least| own.score >= least)
        };
        let denied = self.denied.iter().find(|(name, least)| is_denied(name, **least));
        denied.map(|(name, _)| name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical::Found;

    fn found(is_flagged: bool, score: f64) -> Moderated {
        let categories = BTreeMap::from([("violence".to_owned(), Found { is_flagged, score })]);
        Moderated { is_flagged, categories }
    }

    fn denying(least: Option<f64>) -> Moderation {
        Moderation {
            denied: BTreeMap::from([("violence".to_owned(), least)]),
            ..Moderation::default()
        }
    }

    #[test]
    fn without_categories_the_vendor_decides() {
        assert_eq!(Moderation::default().judge(&found(true, 0.1)), Some("flagged"));
        assert_eq!(Moderation::default().judge(&found(false, 0.9)), None);
    }

    #[test]
    fn a_category_is_denied_by_its_flag_or_from_a_score_on() {
        assert_eq!(denying(None).judge(&found(true, 0.0)), Some("violence"));
        assert_eq!(denying(None).judge(&found(false, 0.9)), None);
        assert_eq!(denying(Some(0.5)).judge(&found(false, 0.5)), Some("violence"));
        assert_eq!(denying(Some(0.5)).judge(&found(true, 0.4)), None);
        assert_eq!(denying(Some(0.5)).judge(&Moderated::default()), None);
    }
}
