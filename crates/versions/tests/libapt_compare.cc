// Orders pairs of Debian versions with the real libapt-pkg, for the differential test and the bench.
//
// Standard input: one pair a line, split at a TAB. Standard output: -1, 0 or 1 a line.
// With `--bench N`: compares the pairs in turn, N times in all, and prints one JSON line.
//
// Build: g++ -O2 -std=c++17 libapt_compare.cc -lapt-pkg

#include <apt-pkg/debversion.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

using Pair = std::pair<std::string, std::string>;

static int compare(const Pair &pair) {
    const char *a = pair.first.c_str();
    const char *b = pair.second.c_str();
    return debVS.DoCmpVersion(a, a + pair.first.size(), b, b + pair.second.size());
}

static int bench(const std::vector<Pair> &pairs, unsigned long wanted) {
    long sum = 0;
    const auto start = std::chrono::steady_clock::now();
    for (unsigned long done = 0; done < wanted; ++done)
        sum += compare(pairs[done % pairs.size()]) < 0;
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    std::printf("{\"libapt_compares_per_second\":%.0f,\"below\":%ld}\n", wanted / seconds.count(), sum);
    return 0;
}

int main(int argc, char **argv) {
    std::ios::sync_with_stdio(false);
    std::vector<Pair> pairs;
    for (std::string line; std::getline(std::cin, line);) {
        const auto tab = line.find('\t');
        if (tab == std::string::npos) {
            std::fprintf(stderr, "a line without a TAB: %s\n", line.c_str());
            return 2;
        }
        pairs.emplace_back(line.substr(0, tab), line.substr(tab + 1));
    }
    if (argc == 3 && std::strcmp(argv[1], "--bench") == 0)
        return pairs.empty() ? 2 : bench(pairs, std::strtoul(argv[2], nullptr, 10));
    for (const Pair &pair : pairs) {
        const int order = compare(pair);
        std::puts(order < 0 ? "-1" : order > 0 ? "1" : "0");
    }
    return 0;
}
