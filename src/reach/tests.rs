//! Addresses of many kinds, and lists of hosts.

use super::*;

fn host(text: &str) -> Host {
    text.parse().unwrap_or_else(|barred| panic!("{text}: {barred}"))
}

fn reach(hosts: &[&str]) -> Reach {
    Reach { hosts: hosts.iter().map(|text| host(text)).collect(), inside_hosts: Vec::new() }
}

fn at(address: &str) -> String {
    Target::parse(address).map_or_else(|barred| barred.to_string(), |target| target.to_string())
}

#[test]
fn an_address_is_read_as_browsers_read_it() {
    assert_eq!(at("HTTPS://Example.COM:443/a%20b?c=d#e"), "https://example.com/a%20b?c=d");
    assert_eq!(at("https://example.com./a/../b"), "https://example.com/b");
    assert_eq!(at("http://example.com:8080"), "http://example.com:8080/");
    assert_eq!(at("https://b\u{fc}cher.example/"), "https://xn--bcher-kva.example/");
}

#[test]
fn loopback_in_disguise_is_read_as_loopback() {
    for address in [
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0x7f.1/",
        "http://0177.0.0.1/",
        "http://017700000001/",
        "http://127.1/",
        "http://127.0.0.1./",
        "http://%31%32%37.0.0.1/",
        "http://\u{ff11}\u{ff12}\u{ff17}.0.0.1/",
        "http://127\u{3002}0\u{3002}0\u{3002}1/",
    ] {
        assert_eq!(at(address), "http://127.0.0.1/", "{address}");
    }
    assert_eq!(at("http://[::ffff:127.0.0.1]/"), "http://[::ffff:7f00:1]/");
}

#[test]
fn what_no_honest_address_has_is_refused() {
    for address in [
        "",
        "/a.png",
        "//example.com/a.png",
        "example.com/a.png",
        "ftp://example.com/a.png",
        "file:///etc/passwd",
        "gopher://example.com/",
        "data:image/png;base64,AAAA",
        "https://",
        "https:///a.png",
        "https:example.com/a.png",
        "https:/example.com/a.png",
        "https://.",
        "https://example.com../a.png",
        " https://example.com/",
        "https://exa\nmple.com/",
        "https://exa\tmple.com/",
        "https:\\\\example.com/",
        "https://example.com\\@evil.example/",
        "https://example.com:99999/",
        "https://256.256.256.256/",
        "https://exam ple.com/",
    ] {
        assert_eq!(Target::parse(address), Err(Barred::Malformed), "{address}");
    }
    for address in
        ["https://me@example.com/", "https://me:pw@example.com/", "https://:pw@example.com/"]
    {
        assert_eq!(Target::parse(address), Err(Barred::Userinfo), "{address}");
    }
    let long = format!("https://example.com/{}", "a".repeat(ADDRESS_BYTES_MAX));
    assert_eq!(Target::parse(&long), Err(Barred::Malformed));
}

#[test]
fn a_line_stands_for_its_host_its_port_and_its_scheme_only() {
    let listed =
        reach(&["cdn.example.com", "*.media.example", "alt.example:8443", "http://old.example"]);
    for address in [
        "https://cdn.example.com/a.png",
        "https://CDN.example.com.:443/a.png",
        "https://a.b.media.example/",
        "https://alt.example:8443/",
        "http://old.example/",
    ] {
        assert!(listed.judge(address).is_ok_and(|allowed| !allowed.may_be_inside), "{address}");
    }
    for address in [
        "http://cdn.example.com/a.png",
        "https://cdn.example.com:8443/a.png",
        "https://cdn.example.com.evil.example/",
        "https://evilcdn.example.com/",
        "https://media.example/",
        "https://evilmedia.example/",
        "https://alt.example/",
        "https://old.example/",
    ] {
        let barred = listed.judge(address).unwrap_err();
        assert!(matches!(barred, Barred::Unlisted { .. }), "{address}: {barred}");
    }
}

#[test]
fn a_star_stands_for_every_name_and_for_no_bare_network_address() {
    let any = reach(&["*"]);
    assert!(any.judge("https://anything.example/").is_ok());
    for address in ["http://anything.example/", "https://93.184.216.34/", "https://[2606:2800::1]/"]
    {
        assert!(any.judge(address).is_err(), "{address}");
    }
    assert!(reach(&["93.184.216.34", "*:8443"]).judge("https://93.184.216.34/").is_ok());
    assert!(reach(&["*:8443"]).judge("https://a.example:8443/").is_ok());
}

#[test]
fn nothing_is_reached_unless_something_is_listed_and_inside_only_what_is_listed_as_such() {
    assert!(Reach::default().is_nothing());
    assert!(Reach::default().judge("https://example.com/").is_err());
    let inside = Reach { hosts: Vec::new(), inside_hosts: vec![host("http://127.0.0.1:9000")] };
    assert!(inside.judge("http://127.0.0.1:9000/a").is_ok_and(|allowed| allowed.may_be_inside));
    assert!(inside.judge("http://127.0.0.1:9001/a").is_err());
}

#[test]
fn a_redirect_is_read_beside_where_it_came_from() {
    let from = Target::parse("https://example.com/a/b?c").unwrap();
    let to = |location: &str| from.join(location).map(|target| target.to_string());
    assert_eq!(to("/d"), Ok("https://example.com/d".to_owned()));
    assert_eq!(to("d"), Ok("https://example.com/a/d".to_owned()));
    assert_eq!(to("//other.example/d"), Ok("https://other.example/d".to_owned()));
    assert_eq!(to("http://127.1/"), Ok("http://127.0.0.1/".to_owned()));
    assert_eq!(to("file:///etc/passwd"), Err(Barred::Malformed));
    assert_eq!(to("https://me@example.com/"), Err(Barred::Userinfo));
}

#[test]
fn a_line_that_is_no_host_is_refused() {
    for text in [
        "",
        "*.",
        "**",
        "*a.example",
        "a.*.example",
        "ftp://a.example",
        "https://",
        "a.example/path",
        "a.example?b",
        "me@a.example",
        "*.127.0.0.1",
        "a b.example",
        "a.example:0x1",
    ] {
        assert!(text.parse::<Host>().is_err(), "{text}");
    }
}
