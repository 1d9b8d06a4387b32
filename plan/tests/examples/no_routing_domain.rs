//! No secondary routing domain: a group says who has moved.

use crate::folder::{Example, assert_routes, decided, from, one_of_us};

const EXAMPLE: &str = "no-routing-domain";
const DURING: &str = "2-during.toml";
const OLD_HOST: &str = "192.0.2.17";
const STRANGER: &str = "203.0.113.5";
const OUTSIDER: &str = "olivia@example.org";

#[test]
fn before_everybody_is_at_the_old_host() {
    let engine = Example::new(EXAMPLE).engine("1-before.toml");
    let old = "relay ann@contoso.com by To the old host +X-MS-Exchange-Organization-SCL: -1";
    assert_routes(&engine, from(STRANGER), &[(OUTSIDER, "ann@contoso.com", old)]);
    assert_routes(
        &engine,
        one_of_us(),
        &[
            ("admin@contoso.tenant.example", "ann@contoso.com", old),
            ("", OUTSIDER, "relay olivia@example.org by DNS"),
        ],
    );
}

#[test]
fn members_are_here_and_all_others_at_the_old_host() {
    let engine = Example::new(EXAMPLE).engine(DURING);
    for client in [from(STRANGER), one_of_us()] {
        assert_routes(
            &engine,
            client,
            &[
                (OUTSIDER, "ann@contoso.com", "deliver ann@contoso.com"),
                // In flight: a mailbox on both sides.
                (
                    OUTSIDER,
                    "eva@contoso.com",
                    "relay eva@contoso.com by To the old host +X-MS-Exchange-Organization-SCL: -1",
                ),
                // Not yet, and nobody: that is for the old host to say.
                (
                    "",
                    "Paul@contoso.com",
                    "relay Paul@contoso.com by To the old host +X-MS-Exchange-Organization-SCL: -1",
                ),
                (
                    "ann@contoso.com",
                    "nobody@contoso.com, boris@contoso.com",
                    "relay nobody@contoso.com by To the old host +X-MS-Exchange-Organization-SCL: -1; deliver boris@contoso.com",
                ),
            ],
        );
    }
    assert_routes(&engine, from(STRANGER), &[("ann@contoso.com", OUTSIDER, "554 5.7.1")]);
    assert_routes(
        &engine,
        from(OLD_HOST),
        &[
            (
                "paul@contoso.com",
                "ann@contoso.tenant.example",
                "deliver ann@contoso.tenant.example +X-MS-Exchange-Organization-SCL: -1",
            ),
            ("paul@contoso.com", "nobody@contoso.tenant.example", "550 5.1.10"),
        ],
    );
}

#[test]
fn who_joins_the_group_gets_the_next_message_here() {
    let example = Example::new(EXAMPLE);
    let to_eva =
        |example: &Example| decided(&example.engine(DURING), from(STRANGER), OUTSIDER, "eva@contoso.com");
    assert!(to_eva(&example).starts_with("relay eva@contoso.com by To the old host"));
    let example = example
        .adding("migrated-users.csv", "Migrated Users, eva@contoso.com")
        .adding("forwards.csv", "eva@contoso.com, eva@contoso.tenant.example");
    assert_eq!(to_eva(&example), "deliver eva@contoso.com");
    assert_eq!(example.found(DURING), [""; 0]);
}

#[test]
fn afterwards_everybody_is_here() {
    let engine = Example::new(EXAMPLE).engine("3-after.toml");
    assert_routes(
        &engine,
        from(STRANGER),
        &[
            (OUTSIDER, "ann@contoso.com", "deliver ann@contoso.com"),
            (OUTSIDER, "paul@contoso.com", "deliver paul@contoso.com"),
            (OUTSIDER, "nobody@contoso.com", "550 5.1.10"),
        ],
    );
}

#[test]
fn a_forward_without_membership() {
    let forward = "eva@contoso.com, eva@contoso.tenant.example";
    let example = Example::new(EXAMPLE).adding("forwards.csv", forward);
    assert_eq!(
        example.found(DURING),
        [
            "forward-without-membership forwards.csv:6 this: eva@contoso.com > old host: eva@contoso.com > this: eva@contoso.tenant.example"
        ]
    );
    // With a rule about addresses of any domain the forward comes back to the old host.
    let example = example.with(DURING, ", recipient-domain = \"contoso.com\"", "");
    let looping = "forward-without-membership forwards.csv:6 old host: eva@contoso.com > old host: eva@contoso.tenant.example > this: eva@contoso.tenant.example > old host: eva@contoso.tenant.example";
    assert!(example.found(DURING).contains(&looping.to_owned()), "{:?}", example.found(DURING));
    assert!(!example.plan(DURING).check().proved.contains(&"loop-free"));
}

#[test]
fn a_forward_to_a_mailbox_that_is_not_there_yet() {
    let forward = "paul@contoso.com, paul@contoso.tenant.example";
    assert_eq!(
        Example::new(EXAMPLE).adding("forwards.csv", forward).found(DURING),
        [
            "black-hole old-host.csv:12 old host: paul@contoso.com > old host: paul@contoso.tenant.example > this: paul@contoso.tenant.example > unknown there"
        ]
    );
}

#[test]
fn a_member_without_mailbox() {
    assert_eq!(
        Example::new(EXAMPLE).adding("migrated-users.csv", "Migrated Users, paul@contoso.com").found(DURING),
        [
            "membership-without-mailbox old-host.csv:12 internet > this: paul@contoso.com > no route",
            "moved-without-forward migrated-users.csv:6",
        ]
    );
}

#[test]
fn a_member_whom_the_old_host_does_not_forward() {
    let row = "carla@contoso.com, carla@contoso.tenant.example\n";
    assert_eq!(
        Example::new(EXAMPLE).with("forwards.csv", row, "").found(DURING),
        ["moved-without-forward migrated-users.csv:4"]
    );
}

#[test]
fn a_validation_address_on_the_wrong_side() {
    let example = Example::new(EXAMPLE).with(DURING, "olga@contoso.com", "ann@contoso.com");
    assert_eq!(example.found(DURING), ["misplaced-validation-address 2-during.toml:42"]);
}
