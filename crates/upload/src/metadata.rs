//! The four ways in which clients write metadata into a form (contract 4.2).
