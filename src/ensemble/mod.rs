//! (room: ensemble)
