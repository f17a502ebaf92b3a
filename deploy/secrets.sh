#!/usr/bin/env bash
# Makes what `compose.yaml` needs and no file of the repository may hold, in `deploy/secrets`: for trying out on one machine, never
# for people who depend on it. The folder `public` holds what everybody may know.
#   deploy/secrets.sh                              certificates, keys, an issuer of tokens, and `.env`
#   deploy/secrets.sh caller hospital chu-rouen    a certificate and a token that say so, in `deploy/secrets/callers`
# It needs openssl, and `muster`, or where that is in MUSTER.
set -euo pipefail
umask 077
deploy=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
muster=$(realpath --quiet "$(command -v "${MUSTER:-muster}" || true)" || true)
realm=drill
mkdir -p "$deploy/secrets/public" "$deploy/secrets/callers"
cd "$deploy/secrets"

new_key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)

authority() { # name
    openssl req -x509 "${new_key[@]}" -days 365 -subj "/CN=$1 of Muster, for development" \
        -addext keyUsage=critical,keyCertSign -keyout "$1.key" -out "public/$1.crt" 2>/dev/null
}

certificate() { # file without its ending, the authority, for what it may be used, the names that it bears
    openssl req -x509 -CA "public/$2.crt" -CAkey "$2.key" "${new_key[@]}" -days 30 -subj "/CN=$(basename "$1")" \
        -addext basicConstraints=critical,CA:FALSE -addext "extendedKeyUsage=$3" -addext "subjectAltName=$4" \
        -keyout "${1#public/}.key" -out "$1.crt" 2>/dev/null
}

base64url() { base64 --wrap 0 | tr '+/' '-_' | tr -d '='; }

token() { # role, id
    local claims work
    claims=$(printf '{"iss":"https://issuer.invalid","aud":"muster-%s","exp":%d,"muster_role":"%s","muster_id":"%s"}' \
        "$realm" $(($(date +%s) + 30 * 86400)) "$1" "$2" | base64url)
    work=$(mktemp)
    printf '%s.%s' "$(printf '{"alg":"EdDSA","kid":"development"}' | base64url)" "$claims" >"$work"
    printf '%s.%s\n' "$(cat "$work")" "$(openssl pkeyutl -sign -rawin -inkey issuer.key -in "$work" | base64url)"
    rm "$work"
}

if [[ ${1-} == caller ]]; then
    certificate "callers/$2-$3" callers-ca clientAuth "URI:muster://$realm/$2/$3"
    token "$2" "$3" >"callers/$2-$3.token"
    exit
fi

if [[ -e vault.key ]]; then
    echo "$PWD is there already: what is sealed under its vault.key could not be read with another" >&2
    exit 1
fi
if [[ -z $muster ]] || ! command -v openssl >/dev/null; then
    echo "muster or openssl is not found: build the one, and say where it is, MUSTER=target/debug/muster; install the other" >&2
    exit 1
fi

# Who signs for NATS servers, for Muster's processes and for callers is not the same: none can pass for another.
for name in nats muster callers; do authority "$name-ca"; done
certificate public/nats nats-ca serverAuth,clientAuth DNS:nats-1,DNS:nats-2,DNS:nats-3,DNS:localhost
certificate public/muster muster-ca serverAuth DNS:muster
certificate public/entry muster-ca serverAuth DNS:localhost,IP:127.0.0.1

openssl genpkey -algorithm ed25519 -out issuer.key
printf '{"keys":[{"kty":"OKP","crv":"Ed25519","use":"sig","kid":"development","x":"%s"}]}\n' \
    "$(openssl pkey -in issuer.key -pubout -outform DER | tail -c 32 | base64url)" >public/issuer.json

{
    # Containers run as whoever may read these files.
    echo "MUSTER_USER=$(id -u):$(id -g)"
    for user in registry intake eligibility dispatch monitor operator system; do
        echo "NATS_${user^^}=$("$muster" config nats-key "$user.seed")"
    done
} >"$deploy/.env"
mkdir -p "$deploy"/data/nats-{1,2,3}
head --bytes 32 /dev/urandom >vault.key
