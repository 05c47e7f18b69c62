//! (room: app)
