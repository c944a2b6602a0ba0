//! New RSA keys (FIPS 186-5 A.1.3): random numbers until two are prime.

use super::*;

/// The public exponent that everybody uses: the smallest that FIPS 186-5 allows.
const E: u64 = 65537;
/// Rounds of the Miller-Rabin test with random bases. FIPS 186-5 table B.1 asks for 5 at most with numbers of this
/// size; a number that is not prime, picked by somebody who means harm, passes each with a chance of 1/4.
const ROUNDS: usize = 16;
/// Numbers that are looked at for one prime before the generator must be broken: every 700th is prime.
const TRIES: usize = 100_000;
/// The odd primes below 2048: most numbers have one as a factor, which shows sooner than in a Miller-Rabin test.
#[allow(clippy::indexing_slicing)] // computed when this is compiled
pub(super) const SMALL_PRIMES: [u16; 308] = {
    let (mut primes, mut count, mut number) = ([0; 308], 0, 3);
    while count < primes.len() {
        let mut divisor = 3;
        while divisor * divisor <= number && number % divisor != 0 {
            divisor += 2;
        }
        if divisor * divisor > number {
            primes[count] = number;
            count += 1;
        }
        number += 2;
    }
    primes
};

type Prime = Zeroizing<Number<MAX_PRIME>>;

impl SigningKey {
    /// A new key with a modulus of `bits` bits.
    ///
    /// # Errors
    /// [`KeyError::Size`] for under [`MIN_BITS`], over [`MAX_SIGNING`] bytes, and an odd number;
    /// [`KeyError::Broken`] when the generator is.
    pub fn generate(bits: usize, rng: &mut Rng) -> Result<Self> {
        if !(MIN_BITS..=8 * MAX_SIGNING).contains(&bits) || !bits.is_multiple_of(2) {
            return Err(KeyError::Size.into());
        }
        let first = prime(bits / 2, &[], rng);
        let second = first.as_ref().and_then(|first| prime(bits / 2, first, rng));
        let (Some(p), Some(q)) = (first, second) else { return Err(KeyError::Broken.into()) };
        let key = join(&p, &q);
        stack::wipe();
        key
    }
}

/// A prime of this many bits that is not near `other`. The two highest bits are set, so that the product of two
/// has twice as many bits; the two lowest are too, which makes the test below one power.
fn prime(bits: usize, other: &[u8], rng: &mut Rng) -> Option<Prime> {
    let mut number = Prime::default();
    number.resize_default(bits.div_ceil(8)).ok()?;
    let spare = number.len() * 8 - bits;
    for _ in 0..TRIES {
        rng.fill(&mut number);
        let [high, next, .., low] = number.as_mut_slice() else { return None };
        let top = u16::from_be_bytes([*high, *next]) & (0xffff >> spare) | (0xc000 >> spare);
        [*high, *next] = top.to_be_bytes();
        *low |= 3;
        // |p - q| > 2^(bits - 100) (FIPS 186-5 A.1.3 step 5.4).
        let is_far = number.get(..12) != other.get(..12);
        if is_far && is_candidate(&number) && is_prime(&number, rng) {
            return Some(number);
        }
    }
    None
}

/// Without small factors, and one less is no multiple of `E`: that has an inverse then, because it is prime.
fn is_candidate(number: &[u8]) -> bool {
    SMALL_PRIMES.iter().all(|prime| rest(number, u64::from(*prime)) != 0) && rest(number, E) != 1
}

/// number mod divisor, which has at most 48 bits.
pub(super) fn rest(number: &[u8], divisor: u64) -> u64 {
    let word = |chunk: &[u8]| chunk.iter().fold(0, |word: u64, byte| word << 8 | u64::from(*byte));
    number.rchunks(2).rev().fold(0, |rest, chunk| (rest << 16 | word(chunk)) % divisor)
}

/// Miller-Rabin (FIPS 186-5 B.3.1). The number is 3 modulo 4, so that half of what is below it is odd and each
/// round is one power.
pub(super) fn is_prime(number: &[u8], rng: &mut Rng) -> bool {
    (0..ROUNDS).all(|_| passes(number, rng).unwrap_or(false))
}

fn passes(number: &[u8], rng: &mut Rng) -> Option<bool> {
    let modulus: Zeroizing<Uint<H>> = Zeroizing::new(load(number)?);
    let below = Zeroizing::new(modulus.wrapping_sub(&Uint::ONE));
    let mut half = Zeroizing::new([0; MAX_PRIME]);
    let half = half.get_mut(..number.len())?;
    store(&below.shr_vartime(1), half);
    let mut random = Zeroizing::new([0; MAX_PRIME]);
    let random = random.get_mut(..number.len())?;
    rng.fill(random);
    let base: Zeroizing<Uint<H>> = Zeroizing::new(load::<H>(random)?.rem(&non_zero(*modulus)?));
    if *base <= Uint::ONE || *base == *below {
        return Some(true); // says nothing, and comes next to never
    }
    let power = Zeroizing::new(power(&base, number, half)?);
    Some(*power == Uint::ONE || *power == *below)
}

/// The key of two primes, checked as if it came from a file.
#[inline(never)] // so that its frame is below the caller's, where stack::wipe reaches
fn join(p: &[u8], q: &[u8]) -> Result<SigningKey> {
    let numbers = || {
        let (p, q): (Uint<H>, Uint<H>) = (load(p)?, load(q)?);
        let (p, q) = (Zeroizing::new(p), Zeroizing::new(q));
        let one = Uint::<H>::ONE;
        let order = Zeroizing::new(product(&p.wrapping_sub(&one), &q.wrapping_sub(&one)));
        let d = Option::from(Uint::<W>::from(E).invert_mod(&non_zero(*order)?))?;
        let qinv = Option::from(q.invert_odd_mod(&odd(*p)?))?;
        Some((product(&p, &q), Zeroizing::<Uint<W>>::new(d), Zeroizing::<Uint<H>>::new(qinv)))
    };
    let (n, d, qinv) = numbers().ok_or(KeyError::Broken)?;
    let mut bytes = Zeroizing::new([[0; MAX_SIGNING]; 3]);
    let [n_bytes, d_bytes, qinv_bytes] = &mut *bytes;
    store(&n, n_bytes);
    store(&d, d_bytes);
    store(&qinv, qinv_bytes);
    let e = E.to_be_bytes();
    SigningKey::new(&Parts { n: n_bytes, e: &e, d: d_bytes, p, q, crt: None, qinv: qinv_bytes })
}
