//! Poly1305 (RFC 8439 section 2.5) in words of 32 bits, for processors whose multiplication gives 64: sixteen
//! products a block and a few small ones, where the crate's portable code takes 25 and more additions.

use zeroize::{Zeroize, ZeroizeOnDrop};

/// Length of the key, in bytes.
pub(crate) const KEY: usize = 32;
/// Length of a block and of the tag, in bytes.
pub(crate) const BLOCK: usize = 16;

/// The state. Wiped when dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct Poly1305 {
    r: [u32; 4],
    /// The sum, less than 2^130 and a little: the last word is at most 4 between blocks.
    h: [u32; 5],
    pad: [u32; 4],
}

const fn wide(a: u32, b: u32) -> u64 {
    a as u64 * b as u64
}

const fn high(x: u64) -> u64 {
    x >> 32
}

fn words(bytes: &[u8; BLOCK]) -> [u32; 4] {
    let x = u128::from_le_bytes(*bytes);
    [x as u32, (x >> 32) as u32, (x >> 64) as u32, (x >> 96) as u32]
}

impl Poly1305 {
    pub(crate) fn new(key: &[u8; KEY]) -> Self {
        let (halves, _) = key.as_chunks::<BLOCK>();
        let [r, pad] = [halves.first(), halves.get(1)].map(|half| half.map_or([0; 4], words));
        let [r0, r1, r2, r3] = r;
        // RFC 8439 section 2.5: some bits of r are clear, which leaves room for sums of products below.
        let r = [r0 & 0x0fff_ffff, r1 & 0x0fff_fffc, r2 & 0x0fff_fffc, r3 & 0x0fff_fffc];
        Self { r, h: [0; 5], pad }
    }

    /// h = (h + block + 2^128 * top) * r, modulo 2^130 - 5 up to a multiple.
    #[inline(always)]
    fn multiply(r: [u32; 4], h: [u32; 5], block: &[u8; BLOCK], top: u32) -> [u32; 5] {
        let [r0, r1, r2, r3] = r;
        let [m0, m1, m2, m3] = words(block);
        // 2^130 is 5, and the two lowest bits of these are clear: what stands 2^128 higher comes back as 5/4.
        let (s1, s2, s3) = (r1 + (r1 >> 2), r2 + (r2 >> 2), r3 + (r3 >> 2));
        let [h0, h1, h2, h3, h4] = h;

        let x0 = u64::from(h0) + u64::from(m0);
        let x1 = u64::from(h1) + u64::from(m1) + high(x0);
        let x2 = u64::from(h2) + u64::from(m2) + high(x1);
        let x3 = u64::from(h3) + u64::from(m3) + high(x2);
        let (h0, h1, h2, h3) = (x0 as u32, x1 as u32, x2 as u32, x3 as u32);
        // At most 6.
        let h4 = h4 + top + high(x3) as u32;

        // r and s are less than 2^28 and 2^28 * 5/4: four products and a small one fit in 64 bits, and h4 times
        // one of them in 32.
        let d0 = wide(h0, r0) + wide(h1, s3) + wide(h2, s2) + wide(h3, s1);
        let d1 = wide(h0, r1) + wide(h1, r0) + wide(h2, s3) + wide(h3, s2) + u64::from(h4 * s1);
        let d2 = wide(h0, r2) + wide(h1, r1) + wide(h2, r0) + wide(h3, s3) + u64::from(h4 * s2);
        let d3 = wide(h0, r3) + wide(h1, r2) + wide(h2, r1) + wide(h3, r0) + u64::from(h4 * s3);

        let d1 = d1 + high(d0);
        let d2 = d2 + high(d1);
        let d3 = d3 + high(d2);
        // Less than 2^31.5, and 5/4 of it less than 2^32.
        let h4 = h4 * r0 + high(d3) as u32;

        let x0 = u64::from(d0 as u32) + u64::from((h4 >> 2) + (h4 & !3));
        let x1 = u64::from(d1 as u32) + high(x0);
        let x2 = u64::from(d2 as u32) + high(x1);
        let x3 = u64::from(d3 as u32) + high(x2);
        [x0 as u32, x1 as u32, x2 as u32, x3 as u32, (h4 & 3) + high(x3) as u32]
    }

    fn update(&mut self, blocks: &[[u8; BLOCK]]) {
        let mut h = self.h;
        for block in blocks {
            h = Self::multiply(self.r, h, block, 1);
        }
        self.h = h;
    }

    /// The tag of all of data.
    pub(crate) fn tag(mut self, data: &[u8]) -> [u8; BLOCK] {
        let (blocks, rest) = data.as_chunks::<BLOCK>();
        self.update(blocks);
        if !rest.is_empty() {
            let mut last = [0; BLOCK];
            for (to, from) in last.iter_mut().zip(rest.iter().chain(&[1])) {
                *to = *from;
            }
            self.h = Self::multiply(self.r, self.h, &last, 0);
        }
        self.finish()
    }

    /// h modulo 2^130 - 5, plus the pad, modulo 2^128. Takes the same time whatever h is.
    fn finish(&self) -> [u8; BLOCK] {
        let [h0, h1, h2, h3, h4] = self.h;
        let x0 = u64::from(h0) + 5;
        let x1 = u64::from(h1) + high(x0);
        let x2 = u64::from(h2) + high(x1);
        let x3 = u64::from(h3) + high(x2);
        // All ones when h + 5 reaches 2^130; h is less than twice that.
        let reduced = 0u32.wrapping_sub((h4 + high(x3) as u32) >> 2);
        let mut tag = 0u128;
        let mut carry = 0;
        let sums = [(h0, x0), (h1, x1), (h2, x2), (h3, x3)];
        for (at, ((h, x), pad)) in sums.into_iter().zip(self.pad).enumerate() {
            let sum = u64::from((h & !reduced) | (x as u32 & reduced)) + u64::from(pad) + carry;
            tag |= u128::from(sum as u32) << (32 * at);
            carry = high(sum);
        }
        tag.to_le_bytes()
    }
}

#[cfg(test)]
#[path = "poly1305_tests.rs"]
mod tests;
