// What any process takes.
console.log(JSON.stringify({ peakBytes: process.resourceUsage().maxRSS * 1024 }))
