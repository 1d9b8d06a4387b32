//! Every verb of the command, driven through `readdress_cli::run` with streams in memory.

#[cfg(test)]
mod bench;
#[cfg(test)]
mod check;
#[cfg(test)]
mod compile;
#[cfg(test)]
mod diff;
#[cfg(test)]
mod explain;
#[cfg(test)]
mod export;
#[cfg(test)]
mod inspect;
#[cfg(test)]
mod moves;
#[cfg(test)]
mod policy;
#[cfg(test)]
mod rewrite;
#[cfg(test)]
mod route;
#[cfg(test)]
mod streams;
#[cfg(test)]
mod usage;
