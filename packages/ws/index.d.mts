export * from 'wasock';
export { default } from 'wasock';
