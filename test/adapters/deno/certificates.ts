// A certificate for tests over TLS, and the authority that signed it: Deno's TLS takes no self-signed certificate. Secret to nobody;
// made once, for a hundred years, with
//
//   openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -sha256 -days 36500 \
//     -subj '/CN=authority for tests' -addext 'basicConstraints=critical,CA:TRUE' -keyout authority-key.pem -out authority.pem
//   openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost -keyout key.pem -out request.pem
//   openssl x509 -req -in request.pem -CA authority.pem -CAkey authority-key.pem -CAcreateserial -days 36500 -sha256 \
//     -extfile <(printf 'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1\nbasicConstraints=critical,CA:FALSE\n') -out certificate.pem

import { readFileSync } from 'node:fs';

function read(name: string): string {
  return readFileSync(new URL(`certificates/${name}`, import.meta.url), 'utf8');
}

/** PEM of the authority: what a client has to trust, as `ca`. */
export const authority: string = read('authority.pem');
/** PEM of the server's certificate. */
export const certificate: string = read('certificate.pem');
/** PEM of its private key. */
export const key: string = read('key.pem');
