// Orders pairs of Arch versions with the real libalpm, which is what vercmp calls.
//
// Standard input: one pair a line, split at a TAB. Standard output: -1, 0 or 1 a line.
//
// Build: g++ -O2 -std=c++17 alpm_compare.cc -lalpm

#include <cstdio>
#include <iostream>
#include <string>

extern "C" int alpm_pkg_vercmp(const char *a, const char *b);

int main() {
    std::ios::sync_with_stdio(false);
    for (std::string line; std::getline(std::cin, line);) {
        const auto tab = line.find('\t');
        const int order = alpm_pkg_vercmp(line.substr(0, tab).c_str(), line.substr(tab + 1).c_str());
        std::puts(order < 0 ? "-1" : order > 0 ? "1" : "0");
    }
    return 0;
}
