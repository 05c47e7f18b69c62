//! What no panel may say of these numbers (specification of the numbers, section 12).

/// Words that must not stand near these numbers.
pub const FORBIDDEN: [&str; 7] = [
    "accurate",
    "certain",
    "confident",
    "safe",
    "probability of disease",
    "95 % confidence",
    "correct",
];
