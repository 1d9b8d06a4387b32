//! Mail as Microsoft 365 writes it: half a hundred fields, most of them of its filters and
//! transport, a few with addresses. The texts are ours; the fields, their order, their folds and
//! their sizes are those of such mail.

use crate::people::{Person, stranger};
use crate::rng::Rng;
use crate::section::Section;
use crate::words::{WEEKDAYS, mailbox, sentence, text};

/// Of a hundred addresses, those of people in the map.
const MAPPED_PERCENT: usize = 47;

/// A message. `people` are those in the map.
#[must_use]
pub fn message(rng: &mut Rng, people: &[Person]) -> Vec<u8> {
    let sides = Sides::draw(rng, people);
    let mut section = Section::default();
    trace(&mut section, rng, &sides);
    authentication(&mut section, rng, &sides);
    addresses(&mut section, rng, &sides);
    subject(&mut section, rng, &sides);
    filters(&mut section, rng, &sides);
    cross_tenant(&mut section, rng, &sides);
    section.finish(&text(rng, 1990))
}

/// Who writes to whom, and from where.
struct Sides {
    from: Person,
    to: Vec<Person>,
    cc: Vec<Person>,
    reply_to: Option<Person>,
    sender: Option<Person>,
    receipt: bool,
    /// The front-end servers that pass the message on.
    hosts: Vec<String>,
    tenant: String,
    day: String,
}

impl Sides {
    fn draw(rng: &mut Rng, people: &[Person]) -> Sides {
        let person = |rng: &mut Rng| {
            if rng.percent(MAPPED_PERCENT) { rng.pick(people).clone() } else { stranger(rng) }
        };
        let from = person(rng);
        let (to, cc) = (rng.between(1, 6), rng.between(0, 7));
        let to = (0..to).map(|_| person(rng)).collect();
        let cc = (0..cc).map(|_| person(rng)).collect();
        let reply_to = rng.percent(8).then(|| person(rng));
        let sender = rng.percent(4).then(|| person(rng));
        let receipt = rng.percent(3);
        let hosts = (0..4).map(|_| host(rng)).collect();
        let day = format!("{}, {} Nov 2025", rng.pick(&WEEKDAYS), rng.between(1, 28));
        Sides { from, to, cc, reply_to, sender, receipt, hosts, tenant: rng.guid(), day }
    }

    fn domain(&self) -> &str {
        self.from.internal.rsplit('@').next().expect("an address has a domain")
    }

    fn time(&self, rng: &mut Rng) -> String {
        format!("{} {:02}:{:02}:{:02} +0000", self.day, rng.below(24), rng.below(60), rng.below(60))
    }
}

fn trace(section: &mut Section, rng: &mut Rng, sides: &Sides) {
    for hop in 0..4 {
        let (from, by) = (&sides.hosts[hop], &sides.hosts[(hop + 1) % 4]);
        let address = if rng.percent(60) { ipv6(rng) } else { ipv4(rng) };
        let time = sides.time(rng);
        let (id, minor) = (rng.between(9100, 9199), rng.between(10, 40));
        let recipient = if hop == 0 { format!(" for <{}>", sides.to[0].internal) } else { String::new() };
        let body = format!(
            "from {from} ({address})\r\n by {by} ({}) with Microsoft SMTP Server (version=TLS1_2,\r\n \
             cipher=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384) id 15.20.{id}.{minor}{recipient};\r\n {time}",
            ipv6(rng)
        );
        section.line("Received", &body);
    }
    section.line("Return-Path", &format!("<{}>", sides.from.internal));
}

fn authentication(section: &mut Section, rng: &mut Rng, sides: &Sides) {
    let domain = sides.domain();
    let signed = "h=From:Date:Subject:Message-ID:Content-Type:MIME-Version:\
                  X-MS-Exchange-AntiSpam-MessageData-ChunkCount:X-MS-Exchange-AntiSpam-MessageData-0:\
                  X-MS-Exchange-AntiSpam-MessageData-1;";
    section.base64("ARC-Seal", "i=1; a=rsa-sha256; s=arcselector10001; d=example.net; cv=none; b=", 344, rng);
    let hash = rng.base64(43);
    section.base64(
        "ARC-Message-Signature",
        &format!(
            "i=1; a=rsa-sha256; c=relaxed/relaxed; d=example.net; s=arcselector10001; {signed} bh={hash}=; b="
        ),
        344,
        rng,
    );
    let results = format!(
        "i=1; mx.example.net 1; spf=pass smtp.mailfrom={domain}; dmarc=pass action=none \
         header.from={domain}; dkim=pass header.d={domain}; arc=none"
    );
    section.words("ARC-Authentication-Results", results.split(' '), " ");
    let hash = rng.base64(43);
    section.base64(
        "DKIM-Signature",
        &format!("v=1; a=rsa-sha256; c=relaxed/relaxed; d={domain}; s=selector1; {signed} bh={hash}=; b="),
        344,
        rng,
    );
    let address = ipv4(rng);
    let results = format!(
        "spf=pass (sender IP is {address}) smtp.mailfrom={domain}; dkim=pass (signature was verified) \
         header.d={domain};dmarc=pass action=none header.from={domain};compauth=pass reason=100"
    );
    section.words("Authentication-Results", results.split(' '), " ");
    let spf = format!(
        "Pass (protection.example.net: domain of {domain} designates {address} as permitted sender) \
         receiver=protection.example.net; client-ip={address}; helo={}; pr=C",
        sides.hosts[0]
    );
    section.words("Received-SPF", spf.split(' '), " ");
}

fn addresses(section: &mut Section, rng: &mut Rng, sides: &Sides) {
    let list = |section: &mut Section, rng: &mut Rng, name: &str, people: &[Person]| {
        if people.is_empty() {
            return;
        }
        let last = people.len() - 1;
        let words: Vec<String> = people
            .iter()
            .enumerate()
            .map(|(nth, person)| mailbox(rng, person) + if nth == last { "" } else { "," })
            .collect();
        section.words(name, words.iter().map(String::as_str), "\t");
    };
    list(section, rng, "From", std::slice::from_ref(&sides.from));
    if let Some(sender) = &sides.sender {
        list(section, rng, "Sender", std::slice::from_ref(sender));
    }
    list(section, rng, "To", &sides.to);
    list(section, rng, "CC", &sides.cc);
    if let Some(reply_to) = &sides.reply_to {
        list(section, rng, "Reply-To", std::slice::from_ref(reply_to));
    }
    if sides.receipt {
        list(section, rng, "Disposition-Notification-To", std::slice::from_ref(&sides.from));
    }
}

fn subject(section: &mut Section, rng: &mut Rng, sides: &Sides) {
    let subject = sentence(rng, 5);
    section.line("Subject", &subject);
    section.line("Thread-Topic", &subject);
    section.line("Thread-Index", &format!("Ac{}==", rng.base64(28)));
    section.line("Date", &sides.time(rng));
    let id = |rng: &mut Rng| format!("<{}@{}>", rng.hex(32).to_ascii_uppercase(), sides.hosts[3]);
    let own = id(rng);
    section.words("Message-ID", [own.as_str()], "\r\n ");
    if rng.percent(60) {
        let (first, second) = (id(rng), id(rng));
        section.words("References", [first.as_str(), second.as_str()], " ");
        section.words("In-Reply-To", [second.as_str()], " ");
    }
    section.line("Accept-Language", "en-GB, de-DE, en-US");
    section.line("Content-Language", "en-GB");
    section.line("X-MS-Has-Attach", "");
    section.line("X-MS-TNEF-Correlator", "");
}

fn filters(section: &mut Section, rng: &mut Rng, sides: &Sides) {
    let (pod, other) = (pod(rng), pod(rng));
    section.line("x-ms-publictraffictype", "Email");
    section
        .line("X-MS-TrafficTypeDiagnostic", &format!("{pod}:EE_|{other}:EE_|{}:EE_", &sides.hosts[1][..15]));
    section.line("X-MS-Office365-Filtering-Correlation-Id", &rng.guid());
    section.line("X-LD-Processed", &format!("{},ExtAddr", sides.tenant));
    section.line("X-MS-Exchange-AntiSpam-Relay", "0");
    let rules = (0..rng.between(7, 11))
        .map(|_| {
            let width = rng.between(8, 11);
            rng.digits(width)
        })
        .collect::<Vec<_>>();
    let rules = format!("BCL:0;ARA:13230040|{}|38070700021;", rules.join("|"));
    section.line("X-Microsoft-Antispam", &rules);
    let octets = rng.between(848, 2768);
    section.base64("X-Microsoft-Antispam-Message-Info", "=?us-ascii?Q?", octets, rng);
    let report = format!(
        "CIP:255.255.255.255;CTRY:;LANG:en;SCL:1;SRV:;IPV:NLI;SFV:NSPM;H:{};PTR:;CAT:NONE;\
         SFS:(13230040)({})({})(38070700021);DIR:OUT;SFP:1102;",
        sides.hosts[2],
        rules.len() * 7919,
        rng.digits(11)
    );
    section.base64("X-Forefront-Antispam-Report", &report, 0, rng);
    section.line("X-MS-Exchange-AntiSpam-MessageData-ChunkCount", "1");
    let octets = rng.between(600, 2120);
    section.base64("X-MS-Exchange-AntiSpam-MessageData-0", "=?utf-8?B?", octets, rng);
    let boundary = format!("_000_{}_", rng.hex(40).to_ascii_uppercase());
    section.line("Content-Type", &format!("multipart/alternative;\r\n\tboundary=\"{boundary}\""));
    section.line("MIME-Version", "1.0");
}

fn cross_tenant(section: &mut Section, rng: &mut Rng, sides: &Sides) {
    section.line("X-OriginatorOrg", sides.domain());
    for (name, body) in [
        ("AuthAs", "Internal".to_owned()),
        ("AuthSource", sides.hosts[3].clone()),
        ("Network-Message-Id", rng.guid()),
        ("OriginalArrivalTime", format!("{} (UTC)", sides.time(rng))),
        ("FromEntityHeader", "Hosted".to_owned()),
        ("Id", sides.tenant.clone()),
        ("MailboxType", "HOSTED".to_owned()),
    ] {
        section.line(&format!("X-MS-Exchange-CrossTenant-{name}"), &body);
    }
    let octets = 88;
    section.base64("X-MS-Exchange-CrossTenant-UserPrincipalName", "", octets, rng);
    section.line("X-MS-Exchange-Transport-CrossTenantHeadersStamped", &sides.hosts[0][..15]);
    section.line("X-MS-Exchange-Organization-MessageDirectionality", "Originating");
    section.line("X-MS-Exchange-Organization-Network-Message-Id", &rng.guid());
}

fn pod(rng: &mut Rng) -> String {
    format!("{}{}MB{}", rng.pick(&["AM", "DB", "PR", "VI", "GV"]), rng.digits(3), rng.digits(4))
}

fn host(rng: &mut Rng) -> String {
    let region = rng.pick(&["eurprd04", "eurprd05", "namprd11", "apcprd02"]);
    format!(
        "{}{}MB{}.{region}.prod.example.net",
        rng.pick(&["AM0PR0", "DB9PR0", "VI1PR0"]),
        rng.digits(1),
        rng.digits(4)
    )
}

fn ipv4(rng: &mut Rng) -> String {
    format!("203.0.113.{}", rng.below(256))
}

fn ipv6(rng: &mut Rng) -> String {
    format!("2001:db8:{}:{}::{}", rng.hex(3), rng.hex(2), rng.hex(2))
}
