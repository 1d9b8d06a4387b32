//! The address grammar, on the octets as they come and on the same folded into a small alphabet,
//! in which far more of them mean something; and 64 octets at a time beside octet by octet.
#![no_main]

use libfuzzer_sys::fuzz_target;
use readdress::address::{AddressList, Item};

const ALPHABET: &[u8; 32] = b"ab@.,:;<>()[]\"\\ \r\n\t+=?-_\xc3\xb6\0\x7fcdef";

fn check(body: &[u8]) {
    let mut reached = 0;
    for item in AddressList::new(body) {
        match item {
            Item::Mailbox(mailbox) => {
                let addr_spec = mailbox.addr_spec;
                assert!(mailbox.start >= reached && mailbox.start <= addr_spec.local_part.start);
                assert!(addr_spec.local_part.start < addr_spec.local_part.end);
                assert!(addr_spec.local_part.end < addr_spec.domain.start);
                assert!(addr_spec.domain.start < addr_spec.domain.end);
                assert!(addr_spec.domain.end as usize <= body.len());
                assert!(std::str::from_utf8(addr_spec.span().of(body)).is_ok());
                // What was found is an address on its own, and the same one.
                let alone = addr_spec.span().of(body);
                let again: Vec<Item> = AddressList::new(alone).collect();
                assert!(
                    matches!(again[..], [Item::Mailbox(again)] if again.addr_spec.span().of(alone) == alone)
                );
                reached = addr_spec.domain.end;
            }
            Item::Malformed { at, .. } => assert!(at as usize <= body.len()),
        }
    }
}

fuzz_target!(|body: &[u8]| {
    assert!(AddressList::new(body).eq(AddressList::new(body).without_shortcuts()));
    check(body);
    let folded: Vec<u8> = body.iter().map(|octet| ALPHABET[usize::from(octet % 32)]).collect();
    assert!(AddressList::new(&folded).eq(AddressList::new(&folded).without_shortcuts()));
    check(&folded);
});
