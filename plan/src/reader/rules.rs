//! `[[rule]]`: what is asked of a message, and what is done with it.

use std::collections::BTreeSet;

use readdress::field::{is_field_name, is_never_rewritten};
use readdress::routing::{Actions, Condition, OnError, Reply, Rule, Scope, SenderLocation};
use toml::de::{DeTable, DeValue};

use super::{Document, Names, Reader, Value};
use crate::entry::Placed;
use crate::world::Names as NamesOf;

/// What a rule may ask.
const CONDITIONS: &[&str] = &[
    "sender",
    "sender-domain",
    "sender-scope",
    "sender-member-of",
    "recipient",
    "recipient-domain",
    "recipient-scope",
    "recipient-member-of",
    "any-recipient-domain",
    "client-ip",
    "listener",
    "header",
];

/// What a rule may say of itself, in its table or under `do`.
const OPTIONS: [&str; 3] = ["stop", "sender-location", "on-error"];

/// The most octets of a line (RFC 5322 2.1.1).
const LINE_MAX: usize = 998;

/// The most octets of a line of a reply, CRLF included (RFC 5321 4.5.3.1.5).
const REPLY_MAX: usize = 512;

impl Reader<'_, '_> {
    pub(super) fn rules(&mut self, root: &DeTable<'_>, document: &mut Document) {
        let mut names = NamesOf::new("rule");
        let mut rules = Vec::new();
        for value in self.counted(root, "", "rule") {
            let (Some(table), at) = (value.get_ref().as_table(), value.span().start) else { continue };
            let priority = self.whole_number(table, "priority", 0);
            if let Some(rule) = self.rule(table, at, &mut names, &document.names) {
                rules.push((priority, rule, at));
            }
        }
        // In file order where the priority is the same; those without one last.
        rules.sort_by_key(|(priority, ..)| (priority.is_none(), *priority));
        for (_, rule, at) in rules {
            document.places.rules.push(self.source.locate(at));
            document.routing.rules.push(rule);
        }
    }

    fn rule(&mut self, table: &DeTable<'_>, at: usize, rules: &mut NamesOf, names: &Names) -> Option<Rule> {
        let known: Vec<&str> =
            ["name", "priority", "when", "unless", "do"].into_iter().chain(OPTIONS).collect();
        self.check_keys(table, &known, &[]);
        let name = self.name(table, at, rules);
        let when = self.conditions(table, "when", names);
        let unless = self.conditions(table, "unless", names);
        let empty = DeTable::new();
        let given = self.table(table, "do");
        let is_table = given.is_some() || !table.contains_key("do");
        let does = given.unwrap_or(&empty);
        let actions = self.actions(does, names);
        for key in OPTIONS {
            if let (Some(value), true) = (does.get(key), table.contains_key(key)) {
                let message = format!("`{key}` stands in the rule and under do");
                self.error("bad-combination", value.span().start, &message, "", "write it once");
            }
        }
        let holder = |key: &str| if does.contains_key(key) { does } else { table };
        let stop = self.boolean(holder("stop"), "stop").unwrap_or_default();
        let places = [("envelope", SenderLocation::Envelope), ("header", SenderLocation::Header)];
        let sender_location = self.choice(holder("sender-location"), "sender-location", &places);
        let errors = [("ignore", OnError::Ignore), ("defer", OnError::Defer)];
        let on_error = self.choice(holder("on-error"), "on-error", &errors);
        if is_table && !stop && in_order(does).into_iter().all(|(key, _, value)| is_idle(key, value)) {
            let message = "the rule does nothing";
            let hint = "add do = { … } with route-via, redirect-to, reject, drop, set-header, remove-header, rewrite or stop";
            self.error("missing-key", at, message, "", hint);
        }
        Some(Rule {
            name: name?,
            when,
            unless,
            actions,
            sender_location: sender_location.unwrap_or_default(),
            on_error: on_error.unwrap_or_default(),
            stop,
            line: self.source.line(at),
        })
    }

    fn conditions(&mut self, rule: &DeTable<'_>, key: &str, names: &Names) -> Vec<Condition> {
        let Some(table) = self.table(rule, key) else { return Vec::new() };
        self.check_keys(table, CONDITIONS, &[]);
        let mut found = Vec::new();
        for (key, _, value) in in_order(table) {
            let condition = match key {
                "sender" => Condition::Sender(self.each(table, key, Self::sender)),
                "sender-domain" => Condition::SenderDomain(self.each(table, key, Self::pattern)),
                "sender-scope" => match self.scope(table, key) {
                    Some(scope) => Condition::SenderScope(scope),
                    None => continue,
                },
                "sender-member-of" => Condition::SenderMemberOf(self.numbers(table, key, &names.groups)),
                "recipient" => {
                    Condition::Recipient(self.each(table, key, |reader, placed| {
                        reader.mailbox(placed).map(|mailbox| mailbox.key())
                    }))
                }
                "recipient-domain" => Condition::RecipientDomain(self.each(table, key, Self::pattern)),
                "recipient-scope" => match self.scope(table, key) {
                    Some(scope) => Condition::RecipientScope(scope),
                    None => continue,
                },
                "recipient-member-of" => {
                    Condition::RecipientMemberOf(self.numbers(table, key, &names.groups))
                }
                "any-recipient-domain" => Condition::AnyRecipientDomain(self.each(table, key, Self::pattern)),
                "client-ip" => Condition::ClientIp(self.each(table, key, Self::network)),
                "listener" => Condition::Listener(self.numbers(table, key, &names.listeners)),
                "header" => {
                    found.extend(self.header_conditions(value));
                    continue;
                }
                // Reported above.
                _ => continue,
            };
            found.push(condition);
        }
        found
    }

    /// A mailbox as key, or the null reverse-path.
    fn sender(&mut self, placed: &Placed) -> Option<Vec<u8>> {
        if matches!(placed.text.as_str(), "" | "<>") {
            return Some(Vec::new());
        }
        Some(self.mailbox(placed)?.key())
    }

    fn scope(&mut self, table: &DeTable<'_>, key: &str) -> Option<Scope> {
        self.choice(table, key, &Scope::ALL.map(|scope| (scope.name(), scope)))
    }

    fn numbers(&mut self, table: &DeTable<'_>, key: &str, names: &NamesOf) -> Vec<u16> {
        let mut numbers = self.each(table, key, |reader, name| reader.number_of(name, names));
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    /// `header = { Name = "text", Other = ["this", "or this"] }`: a condition for each name.
    fn header_conditions(&mut self, value: &Value<'_>) -> Vec<Condition> {
        let Some(fields) = value.get_ref().as_table() else {
            self.wrong_type("header", value, "a table of field names and texts");
            return Vec::new();
        };
        if fields.is_empty() {
            let hint = "write header = { X-Name = \"text\" }";
            self.error("bad-value", value.span().start, "`header` names nothing", "{}", hint);
        }
        let mut seen = BTreeSet::new();
        let mut conditions = Vec::new();
        for (name, at, value) in in_order(fields) {
            if !self.is_new_field(name, at, &mut seen) {
                continue;
            }
            let Some(texts) = self.one_or_more_of(name, value) else { continue };
            let mut pairs = Vec::new();
            for text in texts {
                if text.text.len() > LINE_MAX || text.text.chars().any(char::is_control) {
                    let hint =
                        "write at most 998 octets without control characters: fields are compared unfolded";
                    self.error("bad-value", text.at, "no field contains this", &text.text, hint);
                    continue;
                }
                pairs.push((name.to_owned(), text.text));
            }
            conditions.push(Condition::Header(pairs));
        }
        conditions
    }

    /// Whether this is the name of a field, and has not been seen.
    fn is_new_field(&mut self, name: &str, at: usize, seen: &mut BTreeSet<String>) -> bool {
        if !is_field_name(name.as_bytes()) || name.len() >= LINE_MAX {
            let hint = "a field name is printable ASCII without colon and space";
            self.error("bad-value", at, "this is no field name", name, hint);
            return false;
        }
        if !seen.insert(name.to_ascii_lowercase()) {
            let message = format!("the field {name} is named twice");
            self.error("duplicate-field", at, &message, name, "name it once; case makes no difference");
            return false;
        }
        true
    }

    fn actions(&mut self, table: &DeTable<'_>, names: &Names) -> Actions {
        let known: Vec<&str> =
            ["route-via", "redirect-to", "reject", "drop", "set-header", "remove-header", "rewrite"]
                .into_iter()
                .chain(OPTIONS)
                .collect();
        self.check_keys(table, &known, &[]);
        let route_via = self.string(table, "route-via");
        let route_via = route_via.and_then(|name| self.number_of(&name, &names.connectors));
        let redirect_to = self.string(table, "redirect-to");
        let redirect_to = redirect_to.filter(|address| self.mailbox(address).is_some());
        let reject = table.get("reject").and_then(|value| self.reply(value));
        let drop = self.boolean(table, "drop").unwrap_or_default();
        self.check_refusal(table, reject.is_some(), drop);
        let mut seen = BTreeSet::new();
        let set_header = self.set_header(table, &mut seen);
        let remove_header = self.each(table, "remove-header", |reader, name| {
            reader.is_ours_to_change(&name.text, name.at, &mut seen).then(|| name.text.clone())
        });
        let rewrite_off = self.choice(table, "rewrite", &[("off", true)]).unwrap_or_default();
        Actions {
            route_via,
            redirect_to: redirect_to.map(|address| address.text),
            reject,
            drop,
            set_header,
            remove_header,
            rewrite_off,
        }
    }

    /// What is refused or dropped goes nowhere else.
    fn check_refusal(&mut self, table: &DeTable<'_>, is_refused: bool, drop: bool) {
        let hint = "make two rules, or remove one of the actions";
        if is_refused && drop {
            let at = table.get("drop").map_or(0, |value| value.span().start);
            self.error("bad-combination", at, "the rule both refuses mail and drops it", "", hint);
        }
        for key in ["route-via", "redirect-to"] {
            if let (Some(value), true) = (table.get(key), is_refused || drop) {
                let message = format!("what is refused or dropped can't also go by `{key}`");
                self.error("bad-combination", value.span().start, &message, "", hint);
            }
        }
    }

    /// Whether rules may change a field of this name.
    fn is_ours_to_change(&mut self, name: &str, at: usize, seen: &mut BTreeSet<String>) -> bool {
        if !self.is_new_field(name, at, seen) {
            return false;
        }
        if is_never_rewritten(name) {
            let message =
                format!("the field {name} is never changed: trace, signatures or loop detection live in it");
            self.error("never-rewritten", at, &message, name, "remove it from the rule");
            return false;
        }
        true
    }

    fn set_header(&mut self, table: &DeTable<'_>, seen: &mut BTreeSet<String>) -> Vec<(String, String)> {
        let Some(fields) = self.table(table, "set-header") else { return Vec::new() };
        let mut set = Vec::new();
        for (name, at, _) in in_order(fields) {
            if !self.is_ours_to_change(name, at, seen) {
                continue;
            }
            let Some(text) = self.string(fields, name) else { continue };
            if !is_printable(&text.text) || name.len() + ": ".len() + text.text.len() > LINE_MAX {
                let hint = "write one line of printable ASCII, at most 998 octets with the field's name";
                self.error("bad-value", text.at, "this can't be a field's body", &text.text, hint);
                continue;
            }
            set.push((name.to_owned(), text.text));
        }
        set
    }

    /// `true`, a text, or `{ code = 550, enhanced = "5.7.1", text = "…" }`.
    fn reply(&mut self, value: &Value<'_>) -> Option<Reply> {
        let policy = |code: u16, text: String| Reply { code, enhanced: format!("{}.7.1", code / 100), text };
        let refused = || "Refused by policy".to_owned();
        match value.get_ref() {
            DeValue::Boolean(true) => Some(policy(550, refused())),
            DeValue::Boolean(false) => None,
            DeValue::String(_) => {
                let text = self.placed(value)?;
                self.reply_text(&text).then(|| policy(550, text.text))
            }
            DeValue::Table(table) => {
                self.check_keys(table, &["code", "enhanced", "text"], &[]);
                let code = self.reply_code(table);
                let text = self.string(table, "text");
                let is_good = text.as_ref().is_none_or(|text| self.reply_text(text));
                let mut reply = policy(code?, text.map_or_else(refused, |text| text.text));
                if let Some(enhanced) = self.string(table, "enhanced") {
                    reply.enhanced = self.enhanced(enhanced, reply.code)?;
                }
                is_good.then_some(reply)
            }
            _ => {
                self.wrong_type("reject", value, "true, a text, or a table of code, enhanced and text");
                None
            }
        }
    }

    fn reply_code(&mut self, table: &DeTable<'_>) -> Option<u16> {
        let Some(value) = table.get("code") else { return Some(550) };
        let code = self.whole_number(table, "code", 0)?;
        let code = u16::try_from(code).ok().filter(|code| (400..600).contains(code));
        if code.is_none() {
            let excerpt = self.excerpt(value);
            let hint = "write 400 to 499 to have the sender try again, 500 to 599 to have it give up";
            self.error("bad-value", value.span().start, "this is no code of a refusal", &excerpt, hint);
        }
        code
    }

    fn enhanced(&mut self, enhanced: Placed, code: u16) -> Option<String> {
        let is_part =
            |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|octet| octet.is_ascii_digit());
        let parts: Vec<&str> = enhanced.text.split('.').collect();
        let is_good = matches!(parts.as_slice(), [class, subject, detail]
            if *class == (code / 100).to_string() && is_part(subject) && is_part(detail));
        if !is_good {
            let hint = format!(
                "write class, subject and detail (RFC 3463), the class that of the code: {}.7.1",
                code / 100
            );
            let message = "this is no enhanced status code of the reply's class";
            self.error("bad-value", enhanced.at, message, &enhanced.text, &hint);
        }
        is_good.then_some(enhanced.text)
    }

    fn reply_text(&mut self, text: &Placed) -> bool {
        // Code and enhanced code before it, CRLF behind it.
        let is_good = is_printable(&text.text) && text.text.len() + "550 5.777.777 \r\n".len() <= REPLY_MAX;
        if !is_good {
            let hint = "write one line of printable ASCII, at most 496 octets";
            self.error("bad-value", text.at, "this can't be a reply's text", &text.text, hint);
        }
        is_good
    }
}

/// Whether what stands under `do` does nothing.
fn is_idle(key: &str, value: &Value<'_>) -> bool {
    let value = value.get_ref();
    OPTIONS.contains(&key)
        || value.as_bool() == Some(false)
        || value.as_table().is_some_and(DeTable::is_empty)
}

/// Name, octet and value of each key, in the order in which they stand.
fn in_order<'t>(table: &'t DeTable<'t>) -> Vec<(&'t str, usize, &'t Value<'t>)> {
    let mut keys: Vec<_> =
        table.iter().map(|(key, value)| (key.get_ref().as_ref(), key.span().start, value)).collect();
    keys.sort_by_key(|(_, at, _)| *at);
    keys
}

fn is_printable(text: &str) -> bool {
    !text.trim().is_empty() && text.trim() == text && text.bytes().all(|octet| matches!(octet, b' '..=b'~'))
}
