/** @file The soak at its full size, which `npm run test:nightly` asks for: 100,000 steps, 2,000 models, 3,000 compiled functions. */
import "../slow/soak.test.ts";
