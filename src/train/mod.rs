//! (room: train)
