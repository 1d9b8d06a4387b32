//! How long a plan of many entries takes from CSV to a map, and how much memory: `compile FOLDER
//! ENTRIES...`. Each run is a process of its own, as the command's would be, but without the wait for the
//! disk. What came out goes to standard output as JSON.
#![allow(clippy::expect_used, reason = "a tool may stop")]

use std::error::Error;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use readdress_benches::corpus::SEED;
use readdress_benches::people::{Crowd, INTERNAL_DOMAINS, csv};
use readdress_benches::rng::Rng;
use readdress_plan::Plan;
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

/// Runs for so many entries; one, if there are more.
const RUNS: [(usize, usize); 2] = [(100_000, 9), (2_000_000, 3)];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.as_slice() {
        [word, plan] if word == "once" => once(Path::new(plan))?,
        [folder, counts @ ..] if !counts.is_empty() => {
            let measure = |count: &String| measure(Path::new(folder), count.parse()?);
            counts.iter().map(measure).collect::<Result<_, Box<dyn Error>>>()?
        }
        _ => return Err("usage: compile FOLDER ENTRIES...".into()),
    };
    println!("{outcome}");
    Ok(())
}

fn measure(folder: &Path, count: usize) -> Result<Value, Box<dyn Error>> {
    eprintln!("compile: {count} entries");
    fs::create_dir_all(folder)?;
    write_entries(&folder.join("entries.csv"), count)?;
    let plan = folder.join("plan.toml");
    fs::write(&plan, "[plan]\nname = \"many\"\n[[rewrite.entries]]\nfile = \"entries.csv\"\n")?;
    let runs = RUNS.iter().find(|(most, _)| count <= *most).map_or(1, |(_, runs)| *runs);
    let mut outcomes: Vec<Value> = Vec::new();
    for _ in 0..runs {
        let mut child = Command::new(std::env::current_exe()?);
        let output = child.arg("once").arg(&plan).stderr(Stdio::inherit()).output()?;
        if !output.status.success() {
            return Err(format!("compiling ended with {}", output.status).into());
        }
        outcomes.push(serde_json::from_slice(&output.stdout)?);
    }
    Ok(json!({ "entries": count, "runs": outcomes }))
}

/// One after the other, so that it does not matter how many.
fn write_entries(path: &Path, count: usize) -> Result<(), Box<dyn Error>> {
    let mut file = BufWriter::new(File::create(path)?);
    let mut crowd = Crowd::new(Rng::new(SEED + 4), &INTERNAL_DOMAINS);
    file.write_all(csv(&[]).as_bytes())?;
    for person in crowd.by_ref().take(count) {
        let rows = csv(&[person]);
        let (_, row) = rows.split_once("\r\n").expect("a row behind the names of the columns");
        file.write_all(row.as_bytes())?;
    }
    Ok(file.flush()?)
}

fn once(plan: &Path) -> Result<Value, Box<dyn Error>> {
    let start = Instant::now();
    let compiled = Plan::read(plan).map_err(|_| "the plan is refused")?;
    let compiled = compiled.compile().map_err(|_| "the plan does not compile")?;
    fs::write(plan.with_extension("map"), &compiled.map)?;
    let wall = start.elapsed().as_secs_f64();
    let computed = clock_gettime(ClockId::ProcessCPUTime);
    let computed = computed.tv_sec as f64 + computed.tv_nsec as f64 / 1e9;
    let status = fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no peak")?;
    let peak = peak.trim().trim_end_matches(" kB").parse::<usize>()? * 1024;
    // Waiting for a processor, where others compute, too, is not counted; with several threads the clock
    // on the wall says what it takes.
    let seconds = wall.min(computed);
    Ok(
        json!({ "seconds": seconds, "wall seconds": wall, "peak octets": peak, "map octets": compiled.map.len() }),
    )
}
