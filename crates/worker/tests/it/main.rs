//! The worker from outside: on the store in memory, with a receiver on this machine.
#![cfg(test)]

mod calls;
mod clocks;
mod court;
mod receiver;
