//! What a crash, a full disk, a damaged file, a failing store or a stop may not do: the real binary under load, killed
//! and started again (tests T1 to T9 of the durability promises). Each has a short form here and its full counts in
//! `make gate-durability`, which sets `TEST_GATE=1`; figures are printed as lines that begin with `figure`.

mod backup;
mod damage;
mod dice;
mod disk;
mod doctor;
mod faults;
pub(crate) mod gate;
mod kill;
mod ledger;
mod load;
mod migrate;
mod mounted;
mod pictures;
mod power_cut;
mod services;
mod site;
mod sql;
mod stop;
mod syscalls;
