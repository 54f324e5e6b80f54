export const installDialog = (c)=>()=>{};
