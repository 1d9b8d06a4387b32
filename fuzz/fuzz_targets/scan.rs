//! The field scanner: fields lie inside the input, in order, before the body.
#![no_main]

use libfuzzer_sys::fuzz_target;
use readdress::Limits;
use readdress::header::HeaderSection;

fuzz_target!(|message: &[u8]| {
    let mut section = HeaderSection::new(message, Limits::default()).unwrap();
    let mut reached = 0;
    while let Ok(Some(field)) = section.next_field() {
        assert!(field.name.start >= reached && field.name.start < field.name.end);
        assert!(field.name.end < field.body.start && field.body.start <= field.body.end);
        assert!(field.name.of(message).iter().all(|octet| (33..=126).contains(octet) && *octet != b':'));
        reached = field.body.end;
    }
    assert!(section.body_offset() >= reached as usize && section.body_offset() <= message.len());
});
