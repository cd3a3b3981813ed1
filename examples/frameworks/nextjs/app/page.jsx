export default function Page() {
  return <h1>WebSocket: /echo</h1>;
}
