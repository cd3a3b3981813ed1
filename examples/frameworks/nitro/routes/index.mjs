export default () => 'The echo is at /echo.';
