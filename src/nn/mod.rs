//! (room: nn)
