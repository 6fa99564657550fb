exports.value = 1
exports.other = 2
