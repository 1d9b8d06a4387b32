//! Small worlds of mail, most of them with something wrong.

use crate::world::{Ask, Connector, GROUPS, Kind, Known, Listener, Network, Rule, System, To, World};

/// A generator of small numbers (splitmix64): the same worlds every time.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % u64::try_from(sides).unwrap()).unwrap()
    }

    fn one_in(&mut self, sides: usize) -> bool {
        self.roll(sides) == 0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.roll(from.len())]
    }

    fn some(&mut self, most: usize, make: impl Fn(&mut Dice) -> String) -> Vec<String> {
        let mut all: Vec<String> = (0..=self.roll(most)).map(|_| make(self)).collect();
        all.sort();
        all.dedup();
        all
    }
}

const DOMAINS: &[&str] = &["x.example", "x.example", "y.example", "t.x.example"];
const FAR: &str = "z.example";
const PATTERNS: &[&str] =
    &["x.example", "y.example", "t.x.example", "*.x.example", "*.y.example", "z.example"];
const NAMES: &[&str] = &["a", "b", "c", "d"];
const STATES: &[&str] = &["pending", "in-flight", "migrated", "retired"];

const fn net(last: u32, bits: u8) -> Network {
    (0xc000_0200 + last, bits)
}

const NETWORKS: &[Network] =
    &[net(1, 32), net(2, 32), net(3, 32), net(4, 32), net(0, 30), net(4, 30), net(0, 29)];

fn address(dice: &mut Dice) -> String {
    let domain = if dice.one_in(9) { FAR } else { dice.pick(DOMAINS) };
    format!("{}@{domain}", dice.pick(NAMES))
}

fn pattern(dice: &mut Dice) -> String {
    dice.pick(PATTERNS).to_owned()
}

fn space(dice: &mut Dice) -> String {
    if dice.one_in(3) { "*".to_owned() } else { pattern(dice) }
}

pub(crate) fn random_world(dice: &mut Dice) -> World {
    let systems = [1, 1, 2, 2, 3][dice.roll(5)];
    let mut world = World { accepted: accepted(dice, &[0, 1, 1, 1, 2]), ..World::default() };
    world.waves = (0..dice.roll(3)).map(|_| dice.pick(STATES)).collect();
    let pool: Vec<String> = dice.some(5, address);
    for (number, address) in pool.iter().enumerate() {
        if dice.one_in(3) {
            continue;
        }
        let routing = dice.one_in(5).then(|| routing(dice, &world, &pool, address));
        let wave = (!world.waves.is_empty() && dice.one_in(2)).then(|| dice.roll(world.waves.len()));
        let groups = if dice.one_in(4) { vec![number % GROUPS] } else { Vec::new() };
        world.listed.push(Known { address: address.clone(), routing, groups, wave });
    }
    if dice.one_in(4) {
        world.complete.push(dice.pick(DOMAINS).to_owned());
    }
    for _ in 0..dice.roll(4) {
        world.members.push((dice.roll(GROUPS), somebody(dice, &pool)));
    }
    for _ in 0..systems {
        world.systems.push(System::default());
    }
    for number in 0..systems {
        world.systems[number] = system(dice, systems, &pool);
    }
    listeners(dice, &mut world);
    for _ in 0..dice.roll(4) {
        let to = match dice.roll(8) {
            0 => To::Outside,
            1 => To::Mx,
            _ => To::System(dice.roll(systems)),
        };
        let spaces = if dice.one_in(3) { Vec::new() } else { dice.some(2, space) };
        world.connectors.push(Connector { to, spaces, cost: [1, 1, 2][dice.roll(3)] });
    }
    if dice.one_in(2) {
        tidy(dice, &mut world, &pool);
    }
    entries(dice, &mut world, &pool);
    for _ in 0..[0, 0, 1, 1, 2, 3][dice.roll(6)] {
        let rule = rule(dice, &world, &pool);
        world.rules.push(rule);
    }
    if world.rules.len() > 1 && dice.one_in(3) {
        // Both act only in the right company.
        for rule in &mut world.rules {
            let asked = Ask::AnyRecipientDomain(vec![pattern(dice)]);
            let is_exception = rule.drop || rule.reject || dice.one_in(4);
            let place = if is_exception { &mut rule.unless } else { &mut rule.when };
            if place.iter().all(|known| known.name() != asked.name()) {
                place.push(asked);
            }
        }
    }
    world
}

/// Takes out most of what loses mail: each mailbox is at one place, and that is where mail for it is sent.
fn tidy(dice: &mut Dice, world: &mut World, pool: &[String]) {
    world.waves = world.waves.iter().map(|state| if dice.one_in(9) { *state } else { "migrated" }).collect();
    world.accepted = ["x.example", "y.example", "t.x.example"]
        .map(|domain| (domain.to_owned(), Kind::InternalRelay))
        .into();
    for known in &mut world.listed {
        known.routing.take_if(|_| !dice.one_in(6));
    }
    let elsewhere = dice.roll(world.systems.len());
    let to_this = || Connector { to: To::This, spaces: vec!["*".to_owned()], cost: 1 };
    for (number, system) in world.systems.iter_mut().enumerate() {
        let is_listed = |address: &&String| world.listed.iter().any(|known| known.address == **address);
        system.listed =
            pool.iter().filter(|address| number == elsewhere && !is_listed(address)).cloned().collect();
        system.forwards.retain(|_| dice.one_in(3));
        system.relays &= dice.one_in(3);
        system.connectors = vec![to_this()];
        system.accepted.clear();
        if number == elsewhere {
            system.accepted =
                world.accepted.iter().map(|(domain, _)| (domain.clone(), Kind::Authoritative)).collect();
            system.forwards.extend(
                world
                    .listed
                    .iter()
                    .filter(|_| dice.one_in(9))
                    .map(|known| (known.address.clone(), known.address.clone())),
            );
        }
    }
    let spaces = vec!["*.x.example".to_owned(), "y.example".to_owned()];
    world.connectors.retain(|connector| connector.spaces.is_empty());
    world.connectors.push(Connector { to: To::System(elsewhere), spaces, cost: 1 });
    // Mail that the other side hands on comes back at once: it has to know whom it was given.
    let last = &mut world.systems[elsewhere];
    if dice.one_in(2) {
        let at_last = world.listed.iter().filter(|_| dice.one_in(4)).map(|known| known.address.clone());
        last.listed.extend(at_last);
    } else {
        last.listed = pool.to_vec();
    }
    last.listed.sort();
    last.listed.dedup();
}

fn accepted(dice: &mut Dice, kinds: &[usize]) -> Vec<(String, Kind)> {
    let mut accepted = Vec::new();
    for domain in ["x.example", "y.example", "t.x.example", "*.x.example"] {
        let is_likely = domain != "*.x.example" && domain != "t.x.example";
        if if is_likely { dice.one_in(5) } else { !dice.one_in(4) } {
            continue;
        }
        accepted.push((domain.to_owned(), Kind::ALL[dice.pick(kinds)]));
    }
    accepted
}

/// Mostly where a plan may send mail on: not into a domain that is accepted from itself.
fn routing(dice: &mut Dice, world: &World, pool: &[String], of: &str) -> String {
    let domain = |address: &str| address.rsplit_once('@').unwrap().1.to_owned();
    for _ in 0..4 {
        let to = somebody(dice, pool);
        let is_shared = domain(&to) == domain(of) && !world.accepted.is_empty();
        if to != of && (!is_shared || dice.one_in(20)) {
            return to;
        }
    }
    format!("{}@{FAR}", dice.pick(NAMES))
}

fn somebody(dice: &mut Dice, pool: &[String]) -> String {
    if dice.one_in(4) { address(dice) } else { pool[dice.roll(pool.len())].clone() }
}

fn system(dice: &mut Dice, systems: usize, pool: &[String]) -> System {
    let mut system = System { accepted: accepted(dice, &[0, 0, 0, 1, 2]), ..System::default() };
    system.listed = pool.iter().filter(|_| dice.one_in(2)).cloned().collect();
    if dice.one_in(3) {
        system.complete.push(dice.pick(DOMAINS).to_owned());
    }
    for _ in 0..[0, 0, 1, 2, 3, 8][dice.roll(6)] {
        let from = somebody(dice, pool);
        let to = if dice.one_in(6) { from.clone() } else { somebody(dice, pool) };
        system.forwards.push((from, to));
    }
    for _ in 0..[0, 1, 1, 2][dice.roll(4)] {
        let to = match dice.roll(8) {
            0 => To::Outside,
            1 | 2 => To::System(dice.roll(systems)),
            _ => To::This,
        };
        system.connectors.push(Connector { to, spaces: dice.some(1, space), cost: [1, 1, 2][dice.roll(3)] });
    }
    system.relays = dice.one_in(6);
    if !dice.one_in(4) {
        system.networks = vec![dice.pick(NETWORKS)];
        if dice.one_in(5) {
            system.networks.push(dice.pick(NETWORKS));
        }
    }
    system
}

fn listeners(dice: &mut Dice, world: &mut World) {
    for number in 0..world.systems.len() {
        let networks = world.systems[number].networks.clone();
        if !networks.is_empty() && !dice.one_in(3) {
            world.listeners.push(Listener { networks, trusted: !dice.one_in(4), anonymous: dice.one_in(9) });
        }
    }
    if dice.one_in(4) {
        let networks = vec![dice.pick(NETWORKS)];
        world.listeners.push(Listener { networks, trusted: dice.one_in(2), anonymous: dice.one_in(9) });
    }
    if !world.listeners.is_empty() && !dice.one_in(5) {
        let networks = if dice.one_in(8) { vec![(0, 0)] } else { Vec::new() };
        world.listeners.push(Listener { networks, trusted: dice.one_in(12), anonymous: dice.one_in(4) });
    }
}

fn entries(dice: &mut Dice, world: &mut World, pool: &[String]) {
    for _ in 0..[0, 0, 0, 1, 2][dice.roll(5)] {
        let (internal, external) = (somebody(dice, pool), somebody(dice, pool));
        if world.mailboxes.iter().all(|(one, other)| *one != internal && *other != external) {
            world.mailboxes.push((internal, external));
        }
    }
    if dice.one_in(6) {
        let (internal, external) = (dice.pick(DOMAINS), dice.pick(&["x.example", "y.example", FAR]));
        world.domains.push((internal.to_owned(), external.to_owned()));
    }
}

fn rule(dice: &mut Dice, world: &World, pool: &[String]) -> Rule {
    let mut rule = Rule::default();
    for _ in 0..dice.roll(4) {
        let asked = ask(dice, world, pool);
        let is_exception = dice.one_in(4);
        let place = if is_exception { &mut rule.unless } else { &mut rule.when };
        if place.iter().all(|known| known.name() != asked.name()) {
            place.push(asked);
        }
    }
    rule.stop = dice.one_in(3);
    match dice.roll(9) {
        0 => rule.reject = true,
        1 => rule.drop = true,
        2 => rule.stop = true,
        3 => rule.redirect = Some(somebody(dice, pool)),
        _ if world.connectors.is_empty() => rule.redirect = Some(somebody(dice, pool)),
        _ => {
            rule.via = Some(dice.roll(world.connectors.len()));
            if dice.one_in(8) {
                rule.redirect = Some(somebody(dice, pool));
            }
        }
    }
    rule
}

fn ask(dice: &mut Dice, world: &World, pool: &[String]) -> Ask {
    match dice.roll(13) {
        0 => {
            let null = "<>".to_owned();
            Ask::Sender(vec![if dice.one_in(4) { null } else { somebody(dice, pool) }])
        }
        1 => Ask::SenderDomain(dice.some(1, pattern)),
        2 => Ask::SenderInside(dice.one_in(2)),
        3 => Ask::SenderMember(dice.roll(GROUPS)),
        4 => Ask::Recipient(vec![somebody(dice, pool)]),
        5 => Ask::RecipientDomain(dice.some(1, pattern)),
        6 | 7 => Ask::RecipientInside(!dice.one_in(4)),
        8 | 9 => Ask::AnyRecipientDomain(dice.some(1, pattern)),
        10 if !world.listeners.is_empty() => Ask::Listener(dice.roll(world.listeners.len())),
        11 => Ask::Client(vec![dice.pick(NETWORKS)]),
        _ => Ask::RecipientMember(dice.roll(GROUPS)),
    }
}
