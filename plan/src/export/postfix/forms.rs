//! Local-parts that are more than a name, as regular expressions. Postfix splits and moves them like names;
//! tables of expressions are asked about whole addresses before it does.

use super::text::{bracket, escaped, replacement};

/// A kind of local-part that the engine treats otherwise than a name.
struct Form {
    /// What it looks like.
    expression: String,
    /// An example.
    probe: String,
}

/// Lines for addresses that must not go by the tables of names. `domains`: those whose unknown names go
/// elsewhere; `keep_for`: what a form outside of them is left alone in, as expression behind the `@`.
///
/// `ask` says what an address becomes, if it changes.
pub(super) fn lines(
    delimiters: &str,
    domains: &[(String, bool)],
    keep_for: &str,
    ask: &mut dyn FnMut(&str) -> Option<String>,
) -> String {
    let forms = forms(delimiters);
    let mut text = String::new();
    for (domain, abuse_is_listed) in domains {
        let abuse = (!delimiters.is_empty() && !abuse_is_listed).then(|| Form {
            expression: format!("abuse{}.*", bracket(delimiters, false)),
            probe: format!("abuse{}x", delimiters.chars().next().unwrap_or('+')),
        });
        for Form { expression, probe } in forms.iter().chain(&abuse) {
            let Some(result) = ask(&format!("{probe}@{domain}")) else { continue };
            let result = match result.strip_prefix(probe.as_str()) {
                Some(rest) => format!("$1{}", replacement(rest)),
                None => replacement(&result),
            };
            text.push_str(&format!("/^({expression})@{}$/\t{result}\n", escaped(domain)));
        }
    }
    for Form { expression, .. } in &forms {
        text.push_str(&format!("/^(({expression})@{keep_for})$/\t$1\n"));
    }
    text
}

fn forms(delimiters: &str) -> Vec<Form> {
    let form =
        |expression: &str, probe: &str| Form { expression: expression.to_owned(), probe: probe.to_owned() };
    let mut forms = vec![
        form("srs[01][=+-].*", "srs0=hash=tt=example.org=user"),
        form(r".*\+srs=.*", "user+srs=hash=tt=example.org=user"),
        form("imcea.*-.*", "imceaex-_o=x_ou=y"),
    ];
    if let Some(first) = delimiters.chars().next() {
        let (delimiter, other) = (bracket(delimiters, false), bracket(delimiters, true));
        forms.extend([
            form(&format!("(postmaster|mailer-daemon){delimiter}.*"), &format!("postmaster{first}x")),
            form("owner-.*", &format!("owner-list{first}x")),
            form(&format!("{other}+-request{delimiter}.*"), &format!("list-request{first}x")),
            form(&format!(".+{delimiter}.*-request"), &format!("list{first}x-request")),
        ]);
    }
    forms
}
