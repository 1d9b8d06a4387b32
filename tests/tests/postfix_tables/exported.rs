//! The exported tables beside the engine.

use std::collections::BTreeMap;

use readdress::routing::{Action, Decision, Envelope, NextHop};
use readdress::{Direction, Session};

use crate::probes::{explanation, key};
use crate::{Subject, plans};

#[test]
fn tables_say_what_the_engine_says() {
    for path in plans() {
        compare(&Subject::new(&path));
    }
}

fn compare(subject: &Subject) {
    let Subject { path, engine, tables, probes, listed, .. } = subject;
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let canonical = tables.canonical(probes);
    let (finals, looped) = tables.virtual_aliases(probes);
    assert!(looped.is_empty(), "{}: virtual aliases without end: {looped:?}", path.display());
    let transports = tables.transport(&finals);
    let refusals = tables.refusals(probes);
    let mut decision = Decision::new();
    let mut differences = Vec::new();
    for (nth, probe) in probes.iter().enumerate() {
        let session = Session::from(Direction::Outbound).with_smtputf8(true);
        let ours = engine.explain(session, probe.as_bytes()).result;
        let ours = ours.map_or_else(|| probe.clone(), |result| String::from_utf8(result).unwrap());
        let mut found = Vec::new();
        if key(&ours) != key(&canonical[nth]) {
            found.push(format!("canonical: {ours}, in the table {}", canonical[nth]));
        }
        let envelope =
            Envelope { direction: Some(Direction::Outbound), smtputf8: true, ..Envelope::default() };
        let routes = engine.route(&envelope, [probe.as_bytes()], &mut decision).unwrap();
        let route = routes.get(0).unwrap();
        let refused = (route.action() == Action::Reject).then(|| route.reply().unwrap());
        let refused = refused.map(|(code, enhanced, text)| format!("{code} {enhanced} {text}"));
        if refused != refusals[nth] {
            found.push(format!("refused: {refused:?}, in the table {:?}", refusals[nth]));
        }
        if refused.is_none() {
            let ours = String::from_utf8(route.forward_path().to_vec()).unwrap();
            if key(&ours) != key(&finals[nth]) {
                found.push(format!("virtual: {ours}, in the table {}", finals[nth]));
            }
            let ours = match (route.action(), route.connector().map(|connector| &connector.next_hop)) {
                (Action::Deliver, _) => "virtual:".to_owned(),
                (Action::Drop, _) => "discard:".to_owned(),
                (_, None | Some(NextHop::Mx)) => "smtp:".to_owned(),
                (_, Some(NextHop::SmartHosts(hosts))) => {
                    format!("smtp:{}", hosts.iter().map(|h| hop(h)).collect::<Vec<_>>().join(","))
                }
            };
            if ours != transports[nth] {
                found.push(format!("transport: {ours}, in the table {}", transports[nth]));
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
    println!("listed differences: {counts:?}");
    subject.assert_agreement(&differences);
}

/// A smart host as the table spells it: the plans of this test have no ports but others than 25, no literals.
fn hop(host: &str) -> String {
    let (name, port) = host.rsplit_once(':').unwrap_or((host, "25"));
    let name = name.trim_matches(['[', ']']);
    if port == "25" { format!("[{name}]") } else { format!("[{name}]:{port}") }
}
