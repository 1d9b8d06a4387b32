//! `readdress serve` beside the exported tables and the engine, and Postfix's own client.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;

use readdress::routing::{Decision, Envelope};
use readdress::{Direction, Session};

use crate::probes::{explanation, key};
use crate::service::Service;
use crate::tables::ask_postmap;
use crate::{Subject, plans};

/// Of so many addresses, one is asked about by Postfix's client, too.
const SAMPLE: usize = 20;

#[test]
fn the_service_says_what_the_engine_and_the_tables_say() {
    for path in plans() {
        let subject = Subject::new(&path);
        let map = subject.folder.path().join("map");
        fs::write(&map, subject.engine.map().octets()).unwrap();
        let service = Service::start(&map);
        compare(&subject, &service);
        ask_as_postfix(&subject, &service);
    }
}

fn compare(subject: &Subject, service: &Service) {
    let Subject { engine, tables, probes, listed, .. } = subject;
    let canonical = answers(service, "canonical", probes);
    let refusals = service.ask("recipient", probes);
    let finals = answers(service, "virtual", probes);
    let again = answers(service, "virtual", &finals);
    let transports = service.ask("transport", &finals);
    let (table_canonical, table_refusals) = (tables.canonical(probes), tables.refusals(probes));
    let (table_finals, _) = tables.virtual_aliases(probes);
    let table_transports = tables.transport(&table_finals);
    let (mut differences, mut counts) = (Vec::new(), BTreeMap::<String, usize>::new());
    let mut decision = Decision::new().for_tables();
    let session = Session::from(Direction::Outbound).with_smtputf8(true);
    let envelope = Envelope { direction: Some(Direction::Outbound), smtputf8: true, ..Envelope::default() };
    for (nth, probe) in probes.iter().enumerate() {
        let outside = engine.explain(session, probe.as_bytes()).result;
        let outside = outside.map_or_else(|| probe.clone(), |result| String::from_utf8(result).unwrap());
        assert_eq!(canonical[nth], outside, "{probe}");
        let routes = engine.route(&envelope, [probe.as_bytes()], &mut decision).unwrap();
        let route = routes.get(0).unwrap();
        let refused = route.reply().map(|(code, enhanced, text)| format!("{code} {enhanced} {text}"));
        assert_eq!(refusals[nth].as_ref(), Ok(&refused), "{probe}");
        let mut found = Vec::new();
        if key(&canonical[nth]) != key(&table_canonical[nth]) {
            found.push(format!("canonical: {}, in the table {}", canonical[nth], table_canonical[nth]));
        }
        if refused != table_refusals[nth] {
            found.push(format!("refused: {refused:?}, in the table {:?}", table_refusals[nth]));
        }
        if refused.is_none() {
            assert_eq!(finals[nth].as_bytes(), route.forward_path(), "{probe}");
            assert_eq!(again[nth], finals[nth], "{probe}: Postfix looks results up again");
            if key(&finals[nth]) != key(&table_finals[nth]) {
                found.push(format!("virtual: {}, in the table {}", finals[nth], table_finals[nth]));
            }
            if transports[nth].as_ref() != Ok(&Some(table_transports[nth].clone())) {
                let (ours, theirs) = (&transports[nth], &table_transports[nth]);
                found.push(format!("transport of {}: {ours:?}, in the table {theirs}", finals[nth]));
            }
        }
        if found.is_empty() {
            continue;
        }
        let by_rule = route.rules().find(|rule| listed.contains(&rule.name)).map(|rule| rule.name.clone());
        match explanation(probe, listed).or(by_rule) {
            Some(why) => *counts.entry(why).or_default() += 1,
            None => differences.push(format!("{probe}: {}", found.join("; "))),
        }
    }
    println!("served; listed differences: {counts:?}");
    subject.assert_agreement(&differences);
}

/// What a map says, or the key, where it has none.
fn answers(service: &Service, map: &str, keys: &[String]) -> Vec<String> {
    let said = service.ask(map, keys);
    said.into_iter().zip(keys).map(|(said, key)| said.unwrap().unwrap_or_else(|| key.clone())).collect()
}

/// Postfix's client understands every answer as it is meant.
fn ask_as_postfix(subject: &Subject, service: &Service) {
    let sample: Vec<String> = subject.probes.iter().step_by(SAMPLE).cloned().collect();
    for map in ["canonical", "virtual", "recipient", "transport", "restore", "generic"] {
        let said = service.ask(map, &sample);
        // At a temporary error, postmap ends.
        let answered = sample.iter().zip(said).filter_map(|(key, said)| Some((key.clone(), said.ok()?)));
        let (mut keys, mut expected) = (BTreeSet::new(), HashMap::new());
        for (key, value) in answered {
            expected.extend(value.map(|value| (key.clone(), value)));
            keys.insert(key);
        }
        let found = ask_postmap(subject.folder.path(), &service.table(map), &keys);
        assert_eq!(found, expected, "{map} of {}", subject.path.display());
    }
}
