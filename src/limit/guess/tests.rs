//! Who is refused for guessing, and who is not.

use std::net::Ipv6Addr;

use super::*;

const fn at(tick_ms: u64) -> Now {
    Now { unix_ms: 0, tick_ms }
}

fn address(last: u8) -> IpAddr {
    IpAddr::from([203, 0, 113, last])
}

fn key(number: u32) -> [u8; 32] {
    let mut digest = [0; 32];
    digest[..4].copy_from_slice(&number.to_be_bytes());
    digest
}

fn guesses() -> Guesses {
    Guesses::new(5, Duration::from_mins(5))
}

#[test]
fn five_different_wrong_keys_are_looked_at_and_then_none_right_or_wrong() {
    let guesses = guesses();
    for number in 0..5 {
        assert!(guesses.try_key(Some(address(1)), at(1000), || ((), Some(key(number)))).is_ok());
    }
    let looked = guesses.try_key(Some(address(1)), at(2000), || -> ((), _) { panic!("looked at") });
    let met = looked.unwrap_err();
    assert_eq!(met, GuessesMet { retry_after: Duration::from_secs(299), is_news: true });
    let again = guesses.try_key(Some(address(1)), at(3000), || ((), None)).unwrap_err();
    assert!(!again.is_news, "it is told once");
    assert!(guesses.try_key(Some(address(2)), at(2000), || ((), None)).is_ok());
    assert!(guesses.try_key(Some(address(1)), at(301_000), || ((), None)).is_ok());
}

#[test]
fn one_wrong_key_over_and_over_is_a_mistake_and_no_guess() {
    let guesses = guesses();
    for tick in 0..1000 {
        assert!(guesses.try_key(Some(address(1)), at(tick), || ((), Some(key(7)))).is_ok());
    }
}

#[test]
fn right_keys_are_never_counted() {
    let guesses = guesses();
    for tick in 0..1000 {
        assert!(guesses.try_key(Some(address(1)), at(tick), || ((), None)).is_ok());
    }
}

#[test]
fn addresses_of_one_ipv6_network_guess_together() {
    let guesses = guesses();
    for number in 0..5_u32 {
        let address = Ipv6Addr::new(0x2001, 0xdb8, 1, 1, 0, 0, 0, u16::try_from(number).unwrap());
        assert!(guesses.try_key(Some(address.into()), at(0), || ((), Some(key(number)))).is_ok());
    }
    let other = Ipv6Addr::new(0x2001, 0xdb8, 1, 1, 9, 9, 9, 9);
    assert!(guesses.try_key(Some(other.into()), at(0), || ((), None)).is_err());
}

#[test]
fn no_more_addresses_are_remembered_than_there_is_room_for() {
    let guesses = guesses();
    for number in 0..40_000_u32 {
        let address = IpAddr::from(number.to_be_bytes());
        assert!(guesses.try_key(Some(address), at(0), || ((), Some(key(number)))).is_ok());
    }
    let held: usize = guesses.rooms.iter().map(|room| room.lock().len()).sum();
    assert!(held <= ROOMS * ADDRESSES_PER_ROOM, "{held}");
}

#[test]
fn a_room_forgets_who_guessed_least_lately_and_only_when_it_is_full() {
    let mut guesses = Guesses::new(1, Duration::from_mins(5));
    guesses.rooms.truncate(1);
    let show = |number: usize| {
        let address = address(u8::try_from(number).unwrap());
        guesses.try_key(Some(address), at(0), || ((), Some(key(1)))).is_ok()
    };
    for number in 0..ADDRESSES_PER_ROOM {
        assert!(show(number));
    }
    assert!(!show(0), "the room has a place for each");
    assert!(show(ADDRESSES_PER_ROOM));
    assert!(show(0), "one more, and the first is forgotten");
    assert!(!show(2));
}

#[test]
fn a_wrong_key_is_known_again_after_others() {
    let guesses = guesses();
    let show =
        |number: u32| guesses.try_key(Some(address(1)), at(0), || ((), Some(key(number)))).is_ok();
    // Two keys over and over are two guesses.
    for _ in 0..20 {
        assert!(show(1) && show(2));
    }
    assert!(show(3) && show(4) && show(5));
    assert!(!show(6));
}

#[test]
fn without_a_bound_or_an_address_every_key_is_looked_at() {
    let none = Guesses::new(0, Duration::from_secs(1));
    for number in 0..100 {
        assert!(none.try_key(Some(address(1)), at(0), || ((), Some(key(number)))).is_ok());
        assert!(guesses().try_key(None, at(0), || ((), Some(key(number)))).is_ok());
    }
}

#[test]
fn guesses_at_once_do_not_all_pass() {
    let guesses = guesses();
    let looked = std::sync::atomic::AtomicU32::new(0);
    let look = |number| {
        looked.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        ((), Some(key(number)))
    };
    let guess = |thread: u32| {
        for number in 0..50 {
            let _ = guesses.try_key(Some(address(1)), at(0), || look(thread * 100 + number));
        }
    };
    std::thread::scope(|scope| {
        for thread in 0..8 {
            scope.spawn(move || guess(thread));
        }
    });
    assert_eq!(looked.into_inner(), 5);
}
