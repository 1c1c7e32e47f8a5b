//! Finds the public key inside a certificate, for pinning.
//!
//! Walks just far enough into DER: Certificate, its signed part, and there past version, serial
//! number, algorithm, issuer, validity and subject. Errors: anything that is not of this shape.
//! Source: RFC 5280, section 4.1; X.690 for the lengths.

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const VERSION: u8 = 0xa0;

/// Returns the whole SubjectPublicKeyInfo, head included: what a pin is the SHA-256 of.
pub fn public_key_of(certificate: &[u8]) -> Option<&[u8]> {
    let (certificate, after) = content(certificate, SEQUENCE)?;
    if !after.is_empty() {
        return None;
    }
    let (mut rest, _) = content(certificate, SEQUENCE)?;
    if rest.first() == Some(&VERSION) {
        rest = skip(rest, VERSION)?;
    }
    rest = skip(rest, INTEGER)?;
    // Algorithm, issuer, validity, subject.
    for _ in 0..4 {
        rest = skip(rest, SEQUENCE)?;
    }
    let after = skip(rest, SEQUENCE)?;
    Some(&rest[..rest.len() - after.len()])
}

fn skip(bytes: &[u8], tag: u8) -> Option<&[u8]> {
    content(bytes, tag).map(|(_, after)| after)
}

/// Splits one value with this tag into its content and what follows.
fn content(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    if found != tag {
        return None;
    }
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        // A certificate is shorter than 16 MiB: at most three bytes of length.
        0x81..=0x83 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let length = digits
                .iter()
                .fold(0, |sum, &digit| sum << 8 | usize::from(digit));
            (length, rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn finds_the_key_that_the_certificate_was_made_with() {
        for algorithm in [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ED25519] {
            let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
            let certificate = rcgen::CertificateParams::new(vec!["patchloop.example".into()])
                .unwrap()
                .self_signed(&key)
                .unwrap();
            let expected = rcgen::PublicKeyData::subject_public_key_info(&key);
            assert_eq!(public_key_of(certificate.der()), Some(&expected[..]));
            let cut = &certificate.der()[..certificate.der().len() - 1];
            assert_eq!(public_key_of(cut), None);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = public_key_of(&bytes);
            let mut sequence = vec![0x30, 0x82, 0x01, 0x00, 0x30, 0x81, 0xf0];
            sequence.extend(bytes);
            let _ = public_key_of(&sequence);
        }
    }
}
