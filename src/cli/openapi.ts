export function openapi(): void {}
