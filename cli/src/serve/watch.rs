//! The map file, looked at again and again: what has become valid is taken into use, and what has not changes nothing.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use readdress::{Engine, Error, Live, Reload};

use crate::escape;
use crate::failure::Failure;
use crate::input;
use crate::options::Source;
use crate::serve::server::Service;
use crate::serve::tables::{Names, Tables};

/// Where maps come from.
pub(crate) enum Origin {
    /// A map file.
    Map(Live),
    /// A plan, which is compiled again when that is asked for: its tables may be written one after the other.
    Plan(PathBuf, Engine),
}

/// Somebody asks for a look at once, and for whatever map is valid.
pub(crate) struct Look;

impl Origin {
    pub(crate) fn open(source: &Source) -> Result<Origin, Failure> {
        match (&source.map, &source.plan) {
            (None, Some(plan)) => Ok(Origin::Plan(plan.clone(), input::engine(source)?)),
            (Some(map), _) => Live::open(map).map(Origin::Map).map_err(|error| Failure::map(map, &error)),
            (None, None) => Err(Failure::new(crate::exit::USAGE, "neither --map nor --plan is given")),
        }
    }

    /// The engine in use.
    pub(crate) fn engine(&self) -> Engine {
        match self {
            Origin::Map(live) => live.engine(),
            Origin::Plan(_, engine) => engine.clone(),
        }
    }

    /// Whether there is another one now, or why not.
    fn reload(&mut self, accept: Reload) -> Result<bool, String> {
        match self {
            Origin::Map(live) => live.reload(accept).map_err(|error| {
                let path = escape::path(live.path());
                match error {
                    Error::Shrunk { from, to } => format!(
                        "{path} has {to} entries where the map in use has {from}: that one stays in use; SIGHUP \
                         takes the new one"
                    ),
                    error => format!("{path}: {error}; the map from before stays in use"),
                }
            }),
            Origin::Plan(..) if accept == Reload::Careful => Ok(false),
            Origin::Plan(path, engine) => {
                let next = input::open(None, Some(path)).map_err(Failure::into_text)?;
                let is_other = next.map().generation() != engine.map().generation();
                *engine = next;
                Ok(is_other)
            }
        }
    }
}

/// Looks at the map file every `interval` and whenever that is asked for, until nobody can ask any more.
pub(crate) fn watch(
    mut origin: Origin,
    names: &Names,
    service: &Service,
    interval: Duration,
    looks: &Receiver<Look>,
) {
    let mut next = Instant::now() + interval;
    // What was wrong the last time: it is told once.
    let mut told = None;
    loop {
        let accept = match looks.recv_timeout(next.saturating_duration_since(Instant::now())) {
            Ok(Look) => Reload::Force,
            Err(RecvTimeoutError::Timeout) => Reload::Careful,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        if accept == Reload::Force {
            told = None;
        }
        let was_wrong = told.is_some();
        let done = catch_unwind(AssertUnwindSafe(|| {
            let is_other = origin.reload(accept)?;
            if is_other || accept == Reload::Force || was_wrong {
                let engine = origin.engine();
                let text = in_use(&engine);
                if is_other {
                    service.replace(Tables::new(engine, names.clone()));
                }
                service.log().tell(&text);
            }
            Ok(())
        }));
        let wrong =
            done.unwrap_or_else(|_| Err("the reload broke off, which is a mistake in readdress".to_owned()));
        match wrong {
            Ok(()) => told = None,
            Err(wrong) if told.as_ref() == Some(&wrong) => {}
            Err(wrong) => {
                service.log().tell(&wrong);
                told = Some(wrong);
            }
        }
        if let Some(lost) = service.log().take_lost() {
            service.log().tell(&lost);
        }
        next = Instant::now() + interval;
    }
}

/// A map in a line.
pub(crate) fn in_use(engine: &Engine) -> String {
    let map = engine.map();
    let generation = map.generation().get(..12).unwrap_or_default();
    let (entries, recipients) = (map.entry_count(), map.recipient_count());
    let shadow = if map.policy().mode == readdress::Mode::Shadow { ", in shadow mode" } else { "" };
    format!("generation {generation} is in use: {entries} entries, {recipients} recipients{shadow}")
}
