import { useEffect, useState } from 'react';

export default function Home() {
  const [answer, setAnswer] = useState('');
  useEffect(() => {
    const ws = new WebSocket('/echo');
    ws.onopen = () => ws.send('hello');
    ws.onmessage = ({ data }) => setAnswer(data);
    return () => ws.close();
  }, []);
  return (
    <>
      <p>The echo is at /echo.</p>
      <p>{answer}</p>
    </>
  );
}
