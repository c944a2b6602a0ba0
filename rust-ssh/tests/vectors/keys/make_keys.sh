#!/bin/bash
# Make the keys of this folder that README.md says come from here, with ssh-keygen and openssl.
set -euo pipefail
cd "$(dirname "$0")"
pass="correct horse"

generate() { # name, then what ssh-keygen takes
    local name=$1
    shift
    rm -f "$name" "$name.pub"
    ssh-keygen -q -C "$name@test" -f "$name" "$@" </dev/null
}
convert() { # from, to, then what ssh-keygen takes
    local from=$1 to=$2
    shift 2
    cp "$from" "$to"
    chmod 600 "$to"
    ssh-keygen -q -p -P "" -f "$to" "$@" </dev/null >/dev/null
}

generate rsa2048 -t rsa -b 2048 -N ""
generate rsa3072 -t rsa -b 3072 -N ""
generate rsa4096 -t rsa -b 4096 -N ""
generate ecdsa256 -t ecdsa -b 256 -N ""
generate ecdsa384 -t ecdsa -b 384 -N ""
generate ecdsa521 -t ecdsa -b 521 -N ""
for cipher in aes128-cbc aes192-cbc aes128-gcm@openssh.com aes256-gcm@openssh.com chacha20-poly1305@openssh.com; do
    convert ecdsa256 "ecdsa256-${cipher%@*}" -N "$pass" -a 4 -Z "$cipher"
done
for name in rsa2048 ecdsa384 ecdsa521; do
    convert "$name" "$name-encrypted" -N "$pass" -a 4
done
for name in rsa2048 rsa3072 ecdsa256 ecdsa384 ecdsa521; do
    convert "$name" "$name.pem" -m PEM -N ""
    convert "$name" "$name.p8" -m PKCS8 -N ""
done
for name in rsa2048 ecdsa256; do
    convert "$name" "$name-encrypted.pem" -m PEM -N "$pass"
    convert "$name" "$name-encrypted.p8" -m PKCS8 -N "$pass"
done
for bits in 128 192 256; do
    openssl ec -in ecdsa256.pem "-aes$bits" -passout "pass:$pass" -out "ecdsa256-aes$bits.pem" 2>/dev/null
    openssl pkcs8 -topk8 -in ecdsa256.pem -v2 "aes-$bits-cbc" -passout "pass:$pass" -out "ecdsa256-aes$bits.p8"
done
openssl rsa -in rsa2048.pem -traditional -des3 -passout "pass:$pass" -out rsa2048-des3.pem 2>/dev/null
for prf in hmacWithSHA1 hmacWithSHA512 hmacWithSHA384; do
    openssl pkcs8 -topk8 -in rsa2048.pem -v2 aes-256-cbc -v2prf "$prf" -passout "pass:$pass" -out "rsa2048-$prf.p8"
done
openssl pkcs8 -topk8 -in rsa2048.pem -v2 aes-256-cbc -iter 1000001 -passout "pass:$pass" -out rsa2048-slow.p8
openssl pkcs8 -topk8 -in rsa2048.pem -v2 des3 -passout "pass:$pass" -out rsa2048-des3.p8
openssl pkcs8 -topk8 -in rsa2048.pem -v1 PBE-SHA1-3DES -passout "pass:$pass" -out rsa2048-pbes1.p8
openssl pkcs8 -topk8 -in rsa2048.pem -scrypt -passout "pass:$pass" -out rsa2048-scrypt.p8
openssl genpkey -algorithm ed25519 -out ed25519.p8
openssl pkcs8 -topk8 -in ed25519.p8 -passout "pass:$pass" -out ed25519-encrypted.p8
openssl ecparam -name prime256v1 -genkey -out parameters.pem
openssl ecparam -name secp256k1 -genkey -noout -out secp256k1.pem
openssl genrsa -traditional -out rsa1024.pem 1024 2>/dev/null
openssl genrsa -traditional -out rsa2047.pem 2047 2>/dev/null
openssl genrsa -traditional -out rsa2056.pem 2056 2>/dev/null
openssl genrsa -traditional -primes 3 -out rsa-three-primes.pem 2048 2>/dev/null
openssl pkey -in ed25519.p8 -pubout -outform DER | tail -c 32 >ed25519.p8.raw
for name in parameters.pem rsa2056.pem; do
    chmod 600 "$name"
    ssh-keygen -y -f "$name" >"$name.pub"
done

# Certificates: an authority of each type, and what each refusal needs.
cd ../certs
generate ca-ed25519 -t ed25519 -N ""
generate ca-rsa -t rsa -b 2048 -N ""
generate ca-ecdsa -t ecdsa -b 256 -N ""
sign() { # name of the certificate, authority, key, then what ssh-keygen takes
    local name=$1 ca=$2 key=$3
    shift 3
    cp "../keys/$key.pub" "$name.pub"
    ssh-keygen -q -s "$ca" -I "$name" "$@" "$name.pub" 2>/dev/null
    rm "$name.pub"
}
valid=20260101000000Z:20460101000000Z
for key in plain ecdsa256 ecdsa384 ecdsa521 rsa2048; do
    sign "host-$key" ca-ed25519 "$key" -h -n host.example,10.0.0.1 -V $valid
    sign "user-$key" ca-ed25519 "$key" -n me -V $valid
done
sign host-by-rsa ca-rsa plain -h -n host.example -V $valid
sign host-by-rsa256 ca-rsa plain -h -n host.example -V $valid -t rsa-sha2-256
sign host-by-sha1 ca-rsa plain -h -n host.example -V $valid -t ssh-rsa
sign host-by-ecdsa ca-ecdsa plain -h -n host.example -V $valid
sign host-anybody ca-ed25519 plain -h -V $valid
sign host-for-ever ca-ed25519 plain -h -n host.example
sign host-option ca-ed25519 plain -h -n host.example -V $valid -O critical:new@example.com=x
sign host-extension ca-ed25519 plain -h -n host.example -V $valid -O extension:new@example.com=x
