//! Placeholder of sealing.
