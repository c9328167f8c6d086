//! Our accounts at vendors: which one takes the next order, and how many each is sent.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dashmap::DashMap;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::time::Instant;

use crate::catalog::Vendor;
use crate::fault::VendorFault;

/// How long an account rests whose credential or bill is not good, when there is another.
const DENIED_REST: Duration = Duration::from_mins(1);

/// How long an account rests that is busy, when there is another and the vendor names no time.
const BUSY_REST: Duration = Duration::from_secs(5);

/// Which part of a minute's calls may go out at once, so that they are spread over the minute.
const BURST_PART: u32 = 10;

/// The longest that an account rests, whatever a vendor says: a try costs less than an account that
/// is forgotten, and what a vendor says may be more than a clock can count.
const REST_MAX: Duration = Duration::from_mins(5);

/// One of our accounts at a vendor: the place of its credential among the vendor's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account(pub(super) usize);

impl Account {
    /// Its place among the vendor's credentials.
    pub const fn number(self) -> usize {
        self.0
    }

    /// The one at this place.
    pub const fn numbered(number: usize) -> Self {
        Self(number)
    }
}

/// Every account of every vendor.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    /// One pacer for each vendor, account and rate: a policy that changes the rate starts afresh.
    pacers: DashMap<(String, usize, NonZeroU32), Arc<DefaultDirectRateLimiter>>,
    resting: DashMap<(String, usize), Instant>,
    turn: AtomicUsize,
}

impl Accounts {
    /// The account that takes the next so many calls, once it may; busy when none may before
    /// `deadline`.
    pub(super) async fn take(
        &self,
        vendor: &Vendor,
        calls: u32,
        deadline: Instant,
    ) -> Result<Account, VendorFault> {
        let count = vendor.secrets.len().max(1);
        let first = self.turn.fetch_add(1, Ordering::Relaxed) % count;
        let mut awake: Vec<usize> = (0..count).map(|nth| (first + nth) % count).collect();
        awake.retain(|account| !self.rests(vendor, *account));
        let Some(rate) = vendor.calls_per_minute_max else {
            return Ok(Account(awake.first().copied().unwrap_or(first)));
        };
        // What cannot go out in time takes nothing from others meanwhile.
        let (quota, busy) = (pace(rate), VendorFault::Busy { retry_after: None });
        let beyond = calls.saturating_sub(quota.burst_size().get());
        if Instant::now() + quota.replenish_interval() * beyond > deadline {
            return Err(busy);
        }
        let is_ready = |account: &&usize| self.pacer(vendor, **account, rate).check().is_ok();
        let ready = awake.iter().find(is_ready);
        let account = ready.or_else(|| awake.first()).copied().unwrap_or(first);
        let pacer = self.pacer(vendor, account, rate);
        // One by one, for more of them may be wanted than may ever go out at once.
        let rest = async {
            for _ in u32::from(ready.is_some())..calls {
                pacer.until_ready().await;
            }
        };
        tokio::time::timeout_at(deadline, rest).await.map(|()| Account(account)).map_err(|_| busy)
    }

    /// Lets an account rest that a fault speaks against; whether another one can be tried.
    pub(super) fn note(&self, vendor: &Vendor, account: Account, fault: &VendorFault) -> bool {
        let rest = match fault {
            VendorFault::Busy { retry_after } => retry_after.unwrap_or(BUSY_REST).min(REST_MAX),
            VendorFault::Denied { .. } => DENIED_REST,
            VendorFault::Refused { .. }
            | VendorFault::Rejected { .. }
            | VendorFault::Inexpressible { .. }
            | VendorFault::Garbled { .. }
            | VendorFault::Broken { .. }
            | VendorFault::TimedOut
            | VendorFault::Cut { .. }
            | VendorFault::Unreachable { .. } => return false,
        };
        if vendor.secrets.len() < 2 {
            return false;
        }
        self.resting.insert((vendor.name.clone(), account.0), Instant::now() + rest);
        (0..vendor.secrets.len()).any(|other| !self.rests(vendor, other))
    }

    fn rests(&self, vendor: &Vendor, account: usize) -> bool {
        let until = self.resting.get(&(vendor.name.clone(), account));
        until.is_some_and(|until| Instant::now() < *until)
    }

    fn pacer(
        &self,
        vendor: &Vendor,
        account: usize,
        rate: NonZeroU32,
    ) -> Arc<DefaultDirectRateLimiter> {
        let pacer = self.pacers.entry((vendor.name.clone(), account, rate));
        let fresh = || Arc::new(RateLimiter::direct(pace(rate)));
        Arc::clone(&pacer.or_insert_with(fresh))
    }
}

/// So many calls in a minute, few of them at once.
fn pace(rate: NonZeroU32) -> Quota {
    let burst = NonZeroU32::new(rate.get() / BURST_PART).unwrap_or(NonZeroU32::MIN);
    Quota::per_minute(rate).allow_burst(burst)
}

#[cfg(test)]
mod tests {
    use crate::catalog::{BaseUrl, InProcess};
    use crate::secret::Secret;

    use super::*;

    fn vendor(accounts: usize, rate: Option<u32>) -> Vendor {
        let secrets = (0..accounts).map(|n| Secret::new(format!("key {n}"))).collect();
        Vendor {
            secrets,
            calls_per_minute_max: rate.and_then(NonZeroU32::new),
            ..Vendor::new("v", "painter", BaseUrl::InProcess(InProcess::default()))
        }
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(20)
    }

    #[tokio::test]
    async fn accounts_take_turns_and_one_that_is_denied_is_left_out() {
        let (accounts, vendor) = (Accounts::default(), vendor(2, None));
        let one = accounts.take(&vendor, 1, soon()).await.unwrap();
        assert_ne!(accounts.take(&vendor, 1, soon()).await, Ok(one));
        let denied = VendorFault::Denied { detail: String::new() };
        assert!(accounts.note(&vendor, one, &denied), "the other one is awake");
        for _ in 0..4 {
            assert_ne!(accounts.take(&vendor, 1, soon()).await, Ok(one));
        }
    }

    #[tokio::test]
    async fn an_account_rests_for_a_bounded_time_whatever_its_vendor_says() {
        let (accounts, vendor) = (Accounts::default(), vendor(2, None));
        // A vendor wrote `Retry-After: 10000000000000000000`, which no clock can add.
        for wait in [Duration::from_secs(10_000_000_000_000_000_000), Duration::MAX] {
            let busy = VendorFault::Busy { retry_after: Some(wait) };
            assert!(accounts.note(&vendor, Account(0), &busy));
            assert!(accounts.rests(&vendor, 0));
            let until = *accounts.resting.get(&("v".to_owned(), 0)).unwrap();
            assert!(until <= Instant::now() + REST_MAX);
        }
    }

    #[tokio::test]
    async fn every_account_has_a_pace_of_its_own() {
        let (accounts, vendor) = (Accounts::default(), vendor(2, Some(1)));
        assert!(accounts.take(&vendor, 1, soon()).await.is_ok());
        assert!(accounts.take(&vendor, 1, soon()).await.is_ok());
        let third = accounts.take(&vendor, 1, soon()).await;
        assert_eq!(third, Err(VendorFault::Busy { retry_after: None }));
    }

    #[tokio::test]
    async fn a_tenth_of_the_calls_in_a_minute_goes_out_at_once_and_each_call_counts() {
        let busy = Err(VendorFault::Busy { retry_after: None });
        let (accounts, vendor) = (Accounts::default(), vendor(1, Some(60)));
        assert!(accounts.take(&vendor, 4, soon()).await.is_ok());
        assert_eq!(accounts.take(&vendor, 3, soon()).await, busy, "two are left");
        let vendor = Vendor { name: "w".to_owned(), ..vendor };
        assert_eq!(accounts.take(&vendor, 16, soon()).await, busy, "ten seconds are not left");
        assert!(accounts.take(&vendor, 6, soon()).await.is_ok(), "and so nothing was taken");
    }

    #[tokio::test]
    async fn more_calls_than_may_go_out_at_once_wait_for_each_other() {
        let (accounts, vendor) = (Accounts::default(), vendor(1, Some(1_200)));
        let (began, minute) = (Instant::now(), Instant::now() + Duration::from_mins(1));
        assert!(accounts.take(&vendor, 124, minute).await.is_ok());
        assert!(
            began.elapsed() >= Duration::from_millis(190),
            "four come one by one, in 50 ms each"
        );
    }

    #[tokio::test]
    async fn what_the_caller_caused_is_not_the_accounts_fault() {
        let (accounts, vendor) = (Accounts::default(), vendor(2, None));
        let refused = VendorFault::refused(String::new());
        assert!(!accounts.note(&vendor, Account(0), &refused));
        assert!(!accounts.rests(&vendor, 0));
    }
}
