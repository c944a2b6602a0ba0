extern crate std;

use std::vec::Vec;

use super::*;
use crate::crypto::testing::hex;

/// RFC 6979 appendix A.2.5 to A.2.7, the message "sample" and "test" with the curve's own hash function: key, x, y,
/// then r and s of each.
#[allow(clippy::type_complexity)]
const RFC_6979: &[(&str, &str, [&str; 2], [[&str; 2]; 2])] = &[
    (
        "nistp256",
        "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721",
        [
            "60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6",
            "7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299",
        ],
        [
            [
                "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716",
                "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8",
            ],
            [
                "F1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367",
                "019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083",
            ],
        ],
    ),
    (
        "nistp384",
        "6B9D3DAD2E1B8C1C05B19875B6659F4DE23C3B667BF297BA9AA47740787137D8\
         96D5724E4C70A825F872C9EA60D2EDF5",
        [
            "EC3A4E415B4E19A4568618029F427FA5DA9A8BC4AE92E02E06AAE5286B300C64\
             DEF8F0EA9055866064A254515480BC13",
            "8015D9B72D7D57244EA8EF9AC0C621896708A59367F9DFB9F54CA84B3F1C9DB1\
             288B231C3AE0D4FE7344FD2533264720",
        ],
        [
            [
                "94EDBB92A5ECB8AAD4736E56C691916B3F88140666CE9FA73D64C4EA95AD133C\
                 81A648152E44ACF96E36DD1E80FABE46",
                "99EF4AEB15F178CEA1FE40DB2603138F130E740A19624526203B6351D0A3A94F\
                 A329C145786E679E7B82C71A38628AC8",
            ],
            [
                "8203B63D3C853E8D77227FB377BCF7B7B772E97892A80F36AB775D509D7A5FEB\
                 0542A7F0812998DA8F1DD3CA3CF023DB",
                "DDD0760448D42D8A43AF45AF836FCE4DE8BE06B485E9B61B827C2F13173923E0\
                 6A739F040649A667BF3B828246BAA5A5",
            ],
        ],
    ),
    (
        "nistp521",
        "00FAD06DAA62BA3B25D2FB40133DA757205DE67F5BB0018FEE8C86E1B68C7E75\
         CAA896EB32F1F47C70855836A6D16FCC1466F6D8FBEC67DB89EC0C08B0E996B8\
         3538",
        [
            "01894550D0785932E00EAA23B694F213F8C3121F86DC97A04E5A7167DB4E5BCD\
             371123D46E45DB6B5D5370A7F20FB633155D38FFA16D2BD761DCAC474B9A2F50\
             23A4",
            "00493101C962CD4D2FDDF782285E64584139C2F91B47F87FF82354D6630F746A\
             28A0DB25741B5B34A828008B22ACC23F924FAAFBD4D33F81EA66956DFEAA2BFD\
             FCF5",
        ],
        [
            [
                "00C328FAFCBD79DD77850370C46325D987CB525569FB63C5D3BC53950E6D4C5F\
                 174E25A1EE9017B5D450606ADD152B534931D7D4E8455CC91F9B15BF05EC36E3\
                 77FA",
                "00617CCE7CF5064806C467F678D3B4080D6F1CC50AF26CA209417308281B68AF\
                 282623EAA63E5B5C0723D8B8C37FF0777B1A20F8CCB1DCCC43997F1EE0E44DA4\
                 A67A",
            ],
            [
                "013E99020ABF5CEE7525D16B69B229652AB6BDF2AFFCAEF38773B4B7D08725F1\
                 0CDB93482FDCC54EDCEE91ECA4166B2A7C6265EF0CE2BD7051B7CEF945BABD47\
                 EE6D",
                "01FBD0013C674AA79CB39849527916CE301C66EA7CE8B80682786AD60F98F7E7\
                 8A19CA69EFF5C57400E3B3A0AD66CE0978214D13BAF4E9AC60752F7B155E2DE4\
                 DCE3",
            ],
        ],
    ),
];

/// The curves of this build with a key of each.
#[allow(clippy::type_complexity)]
fn keys() -> impl Iterator<Item = (Curve, SigningKey, [Vec<u8>; 2], [[Vec<u8>; 2]; 2])> {
    RFC_6979.iter().filter_map(|(name, secret, point, signatures)| {
        let curve = Curve::find(name.as_bytes())?;
        let key = SigningKey::new(curve, &hex(secret)).unwrap();
        Some((curve, key, point.map(hex), signatures.map(|pair| pair.map(hex))))
    })
}

fn point(coordinates: &[Vec<u8>; 2]) -> Vec<u8> {
    [&[4][..], &coordinates[0], &coordinates[1]].concat()
}

// ATTACKS 34.
#[test]
fn rfc_6979() {
    for (curve, key, coordinates, signatures) in keys() {
        assert_eq!(key.public().as_ref(), point(&coordinates));
        assert_eq!(curve.field_len(), coordinates[0].len());
        for (message, [r, s]) in [b"sample".as_slice(), b"test"].into_iter().zip(&signatures) {
            let made = key.sign(message).unwrap();
            assert_eq!(made.parts(), (&r[..], &s[..]), "{curve:?}");
            assert!(verify(curve, &point(&coordinates), message, r, s).is_ok());
            assert!(verify(curve, &point(&coordinates), b"other", r, s).is_err());
            assert!(verify(curve, &point(&coordinates), message, s, r).is_err());
            for at in 0..r.len() {
                let mut bad = r.clone();
                bad[at] ^= 1;
                assert!(verify(curve, &point(&coordinates), message, &bad, s).is_err());
            }
        }
    }
}

// ATTACKS 28.
#[test]
fn points_are_uncompressed_and_on_the_curve() {
    for (curve, key, coordinates, signatures) in keys() {
        let good = point(&coordinates);
        let [r, s] = &signatures[0];
        assert!(curve.is_point(&good));
        let mut off = good.clone();
        *off.last_mut().unwrap() ^= 1;
        let compressed = [&[2 + (coordinates[1].last().unwrap() & 1)][..], &coordinates[0]].concat();
        let mut hybrid = good.clone();
        hybrid[0] = 6 + (coordinates[1].last().unwrap() & 1);
        let mut zero = std::vec![0; good.len()];
        zero[0] = 4;
        let above = [&[4][..], &std::vec![0xff; 2 * curve.field_len()]].concat();
        for bad in [&off[..], &compressed, &hybrid, &zero, &above, &[0], &[], &good[..good.len() - 1], &good[1..]] {
            assert!(!curve.is_point(bad), "{curve:?} {bad:?}");
            assert!(verify(curve, bad, b"sample", r, s).is_err());
        }
        assert_eq!(key.curve(), curve);
    }
}

#[test]
fn numbers_out_of_range() {
    for (curve, key, coordinates, signatures) in keys() {
        let public = point(&coordinates);
        let [r, s] = &signatures[0];
        let all_ones = std::vec![0xff; curve.field_len()];
        let too_long = std::vec![1; curve.field_len() + 1];
        for bad in [&[][..], &[0], &all_ones, &too_long] {
            assert!(verify(curve, &public, b"sample", bad, s).is_err());
            assert!(verify(curve, &public, b"sample", r, bad).is_err());
            assert!(SigningKey::new(curve, bad).is_none());
        }
        // Zeros before the numbers do not matter here: who reads the wire sees to it that there are none.
        assert!(key.sign(b"sample").is_some());
    }
}

#[test]
fn other_curves() {
    for name in ["nistp224", "nistp256 ", "", "secp256k1", "NISTP256"] {
        assert!(Curve::find(name.as_bytes()).is_none());
    }
}
