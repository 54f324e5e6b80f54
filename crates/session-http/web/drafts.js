export const withDrafts = (c)=>c;
