//! `readdress serve`, the real command as a process of its own, asked over both kinds of sockets as Postfix asks.

#[cfg(test)]
mod maps;
#[cfg(test)]
mod reload;
#[cfg(test)]
mod service;
#[cfg(test)]
mod wire;
