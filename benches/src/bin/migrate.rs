//! How long a migration of many recipients takes to check and to compile, how much memory, and how many decisions
//! a second come of it: `migrate FOLDER RECIPIENTS...`. Each run is a process of its own. What came out goes to
//! standard output as JSON.
#![allow(clippy::expect_used, reason = "a tool may stop")]

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use readdress::Engine;
use readdress::routing::{Client, Decision, Envelope};
use readdress_benches::migration::{recipients, write};
use readdress_plan::Plan;
use serde_json::{Value, json};

/// Recipients that are decided about.
const DECISIONS: usize = 1_000_000;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.as_slice() {
        [word, plan] if word == "check" => check(Path::new(plan))?,
        [word, plan] if word == "compile" => compile(Path::new(plan))?,
        [word, map, count] if word == "decide" => decide(Path::new(map), count.parse()?)?,
        [folder, counts @ ..] if !counts.is_empty() => {
            let measure = |count: &String| measure(Path::new(folder), count);
            counts.iter().map(measure).collect::<Result<_, Box<dyn Error>>>()?
        }
        _ => return Err("usage: migrate FOLDER RECIPIENTS...".into()),
    };
    println!("{outcome}");
    Ok(())
}

fn measure(folder: &Path, count: &str) -> Result<Value, Box<dyn Error>> {
    eprintln!("migrate: {count} recipients");
    let plan = write(folder, count.parse()?)?;
    let plan = plan.to_str().ok_or("a path that is no text")?;
    let map = plan.replace(".toml", ".map");
    let run = |arguments: &[&str]| -> Result<Value, Box<dyn Error>> {
        let output =
            Command::new(std::env::current_exe()?).args(arguments).stderr(Stdio::inherit()).output()?;
        if !output.status.success() {
            return Err(format!("{arguments:?} ended with {}", output.status).into());
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    };
    Ok(json!({
        "recipients": count.parse::<usize>()?,
        "check": run(&["check", plan])?,
        "compile": run(&["compile", plan])?,
        "decide": run(&["decide", &map, count])?,
    }))
}

fn check(plan: &Path) -> Result<Value, Box<dyn Error>> {
    let start = Instant::now();
    let read = Plan::read(plan).map_err(|found| found.to_string())?;
    let reading = start.elapsed();
    let report = read.check();
    let found = report.errors.first().map(ToString::to_string);
    Ok(json!({
        "reading": reading.as_secs_f64(),
        "wall": start.elapsed().as_secs_f64(),
        "peak": peak()?,
        "errors": report.errors.len(),
        "first": found,
        "warnings": report.warnings.len(),
        "proved": report.proved,
    }))
}

fn compile(plan: &Path) -> Result<Value, Box<dyn Error>> {
    let start = Instant::now();
    let read = Plan::read(plan).map_err(|found| found.to_string())?;
    let compiled = read.compile().map_err(|found| found.to_string())?;
    fs::write(plan.with_extension("map"), &compiled.map)?;
    Ok(json!({ "wall": start.elapsed().as_secs_f64(), "peak": peak()?, "octets": compiled.map.len() }))
}

fn decide(map: &Path, count: usize) -> Result<Value, Box<dyn Error>> {
    let engine = Engine::open(map)?;
    let asked: Vec<String> = recipients(count.min(DECISIONS)).collect();
    let envelope = Envelope {
        client: Client { address: Some("203.0.113.5".parse()?), ..Client::default() },
        reverse_path: Some(b"somebody@far.example"),
        ..Envelope::default()
    };
    let mut decision = Decision::new();
    let mut rates = Vec::new();
    for _ in 0..5 {
        let start = Instant::now();
        for recipient in &asked {
            engine.route(&envelope, [recipient.as_bytes()], &mut decision)?;
        }
        rates.push(asked.len() as f64 / start.elapsed().as_secs_f64());
    }
    rates.sort_by(f64::total_cmp);
    Ok(json!({ "a second": rates.get(2) }))
}

/// The most memory that this process had, in octets.
fn peak() -> Result<usize, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no peak")?;
    Ok(peak.trim().trim_end_matches(" kB").parse::<usize>()? * 1024)
}
