//! Maps that are replaced while mail flows.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::service::{Folder, Service, generation};

const OUTSIDE: &str = "x0@contoso.com";

/// A plan whose answers all have its number.
fn plan(number: usize, entries: usize) -> String {
    let mut plan = "[plan]\nname = \"reload\"\n\n[rewrite]\npreset = \"coexistence\"\n".to_owned();
    for entry in 0..entries {
        plan += &format!(
            "\n[[rewrite.entry]]\ninternal = \"x{entry}-{number}@tenant1.contoso.com\"\n\
             external = \"x{entry}@contoso.com\"\n"
        );
    }
    plan
}

fn answer(number: usize) -> String {
    format!("OK x0-{number}@tenant1.contoso.com")
}

#[test]
fn a_map_that_is_replaced_is_in_use_soon_and_what_is_none_changes_nothing() {
    let folder = Folder::new();
    let generations = [1, 2].map(|number| folder.compile(&plan(number, 4), &format!("map{number}")));
    let maps = [1, 2].map(|number| fs::read(folder.join(&format!("map{number}"))).expect("a map"));
    let map = folder.put("map", &maps[0]);
    let service = Service::start(&["--map", &map, "--interval", "0.02"]);
    let mut client = service.client();
    assert_eq!(client.ask("virtual", OUTSIDE), answer(1));
    folder.put("map", &maps[1]);
    service.wait_for(&format!("generation {} is in use: 4 entries", generations[1]));
    assert_eq!(client.ask("virtual", OUTSIDE), answer(2), "over the connection from before");
    // Broken in each way, and gone: told once each, and the last valid one stays.
    let mut flipped = maps[0].clone();
    flipped[100] ^= 1;
    for (broken, told) in [
        (&b"garbage"[..], "not a readdress map file"),
        (&maps[0][..maps[0].len() - 1], "truncated or appended to"),
        (&flipped, "it is damaged"),
    ] {
        folder.put("map", broken);
        service.wait_for(told);
        assert_eq!(client.ask("virtual", OUTSIDE), answer(2));
    }
    fs::remove_file(&map).expect("a map");
    service.wait_for("No such file");
    assert_eq!(client.ask("virtual", OUTSIDE), answer(2));
    std::thread::sleep(std::time::Duration::from_millis(200));
    assert_eq!(service.lines("stays in use").len(), 4, "{:#?}", service.lines(""));
    folder.put("map", &maps[0]);
    service.wait_for_more(&format!("generation {} is in use", generations[0]), 2);
    assert_eq!(client.ask("virtual", OUTSIDE), answer(1));
}

/// A plan whose mail for one domain leaves by one smart host, and mail for another by its mail exchangers.
fn plan_by(host: &str, tls: &str) -> String {
    let rule = "[[rule]]\nname = \"Secret\"\nwhen = { recipient-domain = \"lawyers.example\" }\n\
                do = { route-via = \"Exchangers\" }\n";
    format!(
        "{}\n[[connector]]\nname = \"Out\"\nsmart-hosts = [\"{host}\"]\naddress-spaces = [\"*\"]\ntls = \"{tls}\"\n\
         \n[[connector]]\nname = \"Exchangers\"\nmx = true\nrule-scoped = true\ntls = \"{tls}\"\n\n{rule}",
        plan(1, 2)
    )
}

#[test]
fn mail_that_is_on_its_way_by_the_map_from_before_is_encrypted_as_that_asked() {
    let folder = Folder::new();
    folder.compile(&plan_by("old.example.net", "required"), "map");
    let service = Service::start(&["--map", &folder.path("map"), "--interval", "0.02"]);
    let mut client = service.client();
    // qmgr(8) asks for the way, and keeps the message for as long as the host is busy.
    assert_eq!(client.ask("transport", "a@far.example"), "OK smtp:[old.example.net]");
    assert_eq!(client.ask("transport", "a@lawyers.example"), "OK smtp:lawyers.example:25");
    for number in 2..4 {
        folder.compile(&plan_by(&format!("new{number}.example.net"), "opportunistic"), "map");
        service.wait_for_more("is in use", number);
        // And smtp(8) asks for this when it is sent.
        for (hop, said) in [
            ("[old.example.net]", "OK encrypt"),
            ("lawyers.example:25", "OK encrypt"),
            (&format!("[new{number}.example.net]"), "OK may"),
            ("[never.example.net]", "NOTFOUND "),
        ] {
            assert_eq!(client.ask("tls-policy", hop), said, "{hop}");
        }
    }
    // What a connector asks for now counts.
    folder.compile(&plan_by("old.example.net", "none"), "map");
    service.wait_for_more("is in use", 4);
    assert_eq!(client.ask("tls-policy", "[old.example.net]"), "OK none");
}

#[test]
fn a_map_that_shrank_waits_for_somebody_who_means_it() {
    let folder = Folder::new();
    folder.compile(&plan(1, 10), "map");
    let map = folder.path("map");
    let service = Service::start(&["--map", &map, "--interval", "0.02"]);
    folder.compile(&plan(2, 4), "map");
    let told = service.wait_for("has 4 entries where the map in use has 10");
    assert!(told.contains("SIGHUP"), "{told}");
    assert_eq!(service.ask("virtual", OUTSIDE), answer(1));
    service.signal("HUP");
    service.wait_for("is in use: 4 entries");
    assert_eq!(service.ask("virtual", OUTSIDE), answer(2));
    assert_eq!(service.lines("has 4 entries").len(), 1);
}

#[test]
fn a_signal_looks_at_once() {
    let folder = Folder::new();
    folder.compile(&plan(1, 2), "map");
    let service = Service::start(&["--map", &folder.path("map"), "--interval", "86400"]);
    folder.compile(&plan(2, 2), "map");
    assert_eq!(service.ask("virtual", OUTSIDE), answer(1));
    service.signal("HUP");
    service.wait_for_more("is in use", 2);
    assert_eq!(service.ask("virtual", OUTSIDE), answer(2));
    fs::write(folder.path("map"), "garbage").expect("a file");
    for count in 1..=2 {
        service.signal("HUP");
        service.wait_for_more("not a readdress map file", count);
    }
}

#[test]
fn a_plan_is_compiled_anew_when_that_is_asked_for() {
    let folder = Folder::new();
    let path = folder.put("plan.toml", plan(1, 2));
    let service = Service::start(&["--plan", &path, "--interval", "0.02"]);
    assert_eq!(service.ask("virtual", OUTSIDE), answer(1));
    folder.put("plan.toml", plan(2, 2));
    std::thread::sleep(std::time::Duration::from_millis(200));
    assert_eq!(service.ask("virtual", OUTSIDE), answer(1), "its tables may be half written");
    service.signal("HUP");
    service.wait_for_more("is in use", 2);
    assert_eq!(service.ask("virtual", OUTSIDE), answer(2));
    folder.put("plan.toml", "[plan]\nnam = \"reload\"\n");
    service.signal("HUP");
    service.wait_for("unknown-key");
    assert_eq!(service.ask("virtual", OUTSIDE), answer(2));
}

#[test]
fn each_answer_is_of_one_valid_map_and_says_which() {
    let folder = Folder::new();
    let maps: Vec<Vec<u8>> = (0..4)
        .map(|number| {
            folder.compile(&plan(number, 200), "next.map");
            fs::read(folder.join("next.map")).expect("a map")
        })
        .collect();
    let generations: Vec<String> = maps.iter().map(|map| generation(map)).collect();
    let map = folder.put("map", &maps[0]);
    let service = Service::start(&["--map", &map, "--interval", "0.01", "--verbose"]);
    let is_over = AtomicBool::new(false);
    let counts = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..4)
            .map(|_| {
                let mut client = service.client();
                let is_over = &is_over;
                scope.spawn(move || {
                    let mut seen = [0_usize; 4];
                    while !is_over.load(Ordering::Relaxed) {
                        let said = client.ask("virtual", OUTSIDE);
                        let number = (0..4).find(|number| said == answer(*number));
                        seen[number.unwrap_or_else(|| panic!("{said}"))] += 1;
                    }
                    seen
                })
            })
            .collect();
        for round in 0..100 {
            // Every other file is a part of one, written in place at that.
            if round % 2 == 1 {
                let octets = &maps[round % 4];
                fs::write(&map, &octets[..octets.len() * (round % 7) / 7]).expect("a file");
            } else {
                folder.put("map", &maps[round / 2 % 4]);
            }
            std::thread::sleep(std::time::Duration::from_millis(15));
        }
        is_over.store(true, Ordering::Relaxed);
        let seen: Vec<[usize; 4]> =
            asking.into_iter().map(|thread| thread.join().expect("a client")).collect();
        [0, 1, 2, 3].map(|number| seen.iter().map(|seen| seen[number]).sum::<usize>())
    });
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
    // Every line names the generation that gave the answer.
    service.signal("TERM");
    let (_, said) = service.ended();
    let lines: Vec<&String> = said.iter().filter(|line| line.contains("map=\"virtual\"")).collect();
    let lost = said.iter().filter_map(|line| line.strip_suffix(" lines were lost, for nobody read them"));
    let lost: usize = lost.map(|line| line.rsplit(' ').next().unwrap().parse::<usize>().unwrap()).sum();
    assert_eq!(lines.len() + lost, counts.iter().sum::<usize>());
    assert!(lines.len() > 100, "{lost} lines were lost");
    for line in lines {
        let number = (0..4).find(|number| line.contains(&format!("\"{}\"", answer(*number))));
        let generation = &generations[number.unwrap_or_else(|| panic!("{line}"))];
        assert!(line.ends_with(&format!(" generation={generation}")), "{line}");
    }
}
