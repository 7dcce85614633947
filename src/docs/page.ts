import { Router } from 'express';
export const docs = (_r: unknown) => Router();
