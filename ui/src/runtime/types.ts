// The wire types, made from the Rust ones.
export type * from './gen';
