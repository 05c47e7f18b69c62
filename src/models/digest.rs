//! The SHA-256 (FIPS 180-4) of a weights file, worked out when it is first asked for: those of all models would be most
//! of the program's start.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, LazyLock};

/// Its hexadecimal digits.
#[derive(Clone, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub struct Digest(Arc<LazyLock<String, Box<dyn FnOnce() -> String + Send>>>);

impl Digest {
    pub(super) fn later(of: impl FnOnce() -> String + Send + 'static) -> Self {
        Self(Arc::new(LazyLock::new(Box::new(of))))
    }

    /// Of bytes that may be gone before it is asked for.
    pub(super) fn now(bytes: &[u8]) -> Self {
        digits(bytes).into()
    }
}

pub(super) fn digits(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

impl Deref for Digest {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl From<String> for Digest {
    fn from(digits: String) -> Self {
        Self::later(move || digits)
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_that_of_the_standard_and_worked_out_once() {
        use std::sync::atomic::{AtomicUsize, Ordering};
        static TIMES: AtomicUsize = AtomicUsize::new(0);
        let digest = Digest::later(|| {
            TIMES.fetch_add(1, Ordering::SeqCst);
            digits(b"abc")
        });
        let again = digest.clone();
        assert_eq!(TIMES.load(Ordering::SeqCst), 0);
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!((&*digest, &*again, TIMES.load(Ordering::SeqCst)), (abc, abc, 1));
        assert_eq!(Digest::now(b"abc"), digest);
        let json = serde_json::to_string(&digest).unwrap();
        assert_eq!(serde_json::from_str::<Digest>(&json).unwrap(), digest);
    }
}
