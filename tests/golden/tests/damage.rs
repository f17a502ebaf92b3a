//! Whatever the bytes, reading them ends with a frame or with what is wrong; and a frame that is read was written just so.

use muster_golden::samples;
use muster_journal::stored::{decode, encode};
use proptest::{collection::vec, prelude::*, sample::select};

/// Bytes that are read as a frame must be the bytes of that frame: nothing in them was overlooked.
fn nothing_is_overlooked(bytes: &[u8]) -> Result<(), TestCaseError> {
    match decode(bytes) {
        Ok(frame) => prop_assert_eq!(encode(&frame), bytes),
        Err(error) => prop_assert!(!error.what.is_empty()),
    }
    Ok(())
}

fn good() -> impl Strategy<Value = Vec<u8>> {
    let frames: Vec<_> = samples::all().values().map(|frame| encode(frame).to_vec()).collect();
    select(frames)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes(bytes in vec(any::<u8>(), 0..512)) {
        nothing_is_overlooked(&bytes)?;
    }

    #[test]
    fn bytes_changed(mut bytes in good(), changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        nothing_is_overlooked(&bytes)?;
    }

    #[test]
    fn bytes_cut_out(mut bytes in good(), from in any::<prop::sample::Index>(), length in 1..64_usize) {
        let from = from.index(bytes.len());
        bytes.drain(from..(from + length).min(bytes.len()));
        nothing_is_overlooked(&bytes)?;
    }

    #[test]
    fn bytes_put_in(mut bytes in good(), at in any::<prop::sample::Index>(), more in vec(any::<u8>(), 1..16)) {
        let at = at.index(bytes.len());
        bytes.splice(at..at, more);
        nothing_is_overlooked(&bytes)?;
    }
}
