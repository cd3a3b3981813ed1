// A certificate for tests over TLS: self-signed, for localhost, 127.0.0.1 and ::1. It is no secret. Node cannot make one by
// itself, so it was made once, for a hundred years, with
//
//   openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -sha256 -days 36500 -subj /CN=localhost \
//     -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1' -addext 'basicConstraints=critical,CA:TRUE' \
//     -keyout key.pem -out certificate.pem
//
// and a client's, signed with it, with
//
//   openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -sha256 -subj '/CN=test client' \
//     -keyout client-key.pem -out client.csr
//   printf 'basicConstraints=critical,CA:FALSE\nextendedKeyUsage=clientAuth\n' > client.ext
//   openssl x509 -req -in client.csr -CA certificate.pem -CAkey key.pem -set_serial 2 -days 36500 -sha256 \
//     -extfile client.ext -out client-certificate.pem

import { readFileSync } from 'node:fs';

function read(name: string): string {
  return readFileSync(new URL(`certificates/${name}`, import.meta.url), 'utf8');
}

/** PEM of the certificate; a client trusts it as `ca`. */
export const certificate: string = read('certificate.pem');
/** PEM of its private key. */
export const key: string = read('key.pem');
/** PEM of a client's certificate, for servers that demand one; {@link certificate} signs it. */
export const clientCertificate: string = read('client-certificate.pem');
/** PEM of its private key. */
export const clientKey: string = read('client-key.pem');
