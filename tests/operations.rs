//! What an operator sees of a running house: metrics, traces, logs, probes. All of the real binary, since recorder and
//! log belong to a whole process.

mod collector;
mod house;
mod logs;
mod metrics;
mod probes;
mod traces;
mod unit;
