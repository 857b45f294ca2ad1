// A plain PrefixSpan (Pei et al. 2001) by pseudo-projection, as one writes it in an hour: the yardstick
// of bench/patterns.sh. Reads SPMF's format (one item an element), prints patterns, their supports'
// sum and the seconds of mining alone.
//   prefixspan_plain FILE MINSUP [REPEATS]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

using Sequence = std::vector<int>;
using Projection = std::vector<std::pair<int, int>>; // sequence, first position after the prefix

static std::vector<Sequence> db;
static size_t minsup, patterns, supports;
static std::vector<int> stamp, count; // by item
static int now;

static void grow(const Projection &p)
{
	std::vector<int> seen, slot;
	for (auto [s, at] : p)
	{
		now++;
		for (size_t i = at; i < db[s].size(); i++)
		{
			int item = db[s][i];
			if (stamp[item] == now)
				continue;
			stamp[item] = now;
			if (count[item]++ == 0)
				seen.push_back(item);
		}
	}
	std::vector<std::pair<int, Projection>> children;
	static std::vector<int> child(count.size(), -1);
	for (int item : seen)
	{
		if ((size_t) count[item] >= minsup)
		{
			child[item] = (int) children.size();
			children.push_back({item, {}});
			children.back().second.reserve(count[item]);
		}
		count[item] = 0;
	}
	if (children.empty())
		return;
	for (auto [s, at] : p)
	{
		now++;
		for (size_t i = at; i < db[s].size(); i++)
		{
			int item = db[s][i];
			if (child[item] < 0 || stamp[item] == now)
				continue;
			stamp[item] = now;
			children[child[item]].second.push_back({s, (int) i + 1});
		}
	}
	for (auto &c : children)
		child[c.first] = -1;
	for (auto &c : children)
	{
		patterns++;
		supports += c.second.size();
		grow(c.second);
	}
}

int main(int argc, char **argv)
{
	std::ifstream in(argv[1]);
	minsup = std::strtoul(argv[2], nullptr, 10);
	int repeats = argc > 3 ? std::atoi(argv[3]) : 1, items = 0, v;
	Sequence s;
	while (in >> v)
	{
		if (v >= 0)
			s.push_back(v), items = std::max(items, v + 1);
		else if (v == -2)
			db.push_back(s), s.clear();
	}
	std::vector<size_t> support(items); // drop infrequent items first
	stamp.assign(items, 0), count.assign(items, 0);
	for (auto &q : db)
	{
		now++;
		for (int item : q)
			if (stamp[item] != now)
				stamp[item] = now, support[item]++;
	}
	double best = 1e9;
	for (int r = 0; r < repeats; r++)
	{
		auto began = std::chrono::steady_clock::now();
		if (r == 0)
			for (auto &q : db)
				q.erase(std::remove_if(q.begin(), q.end(), [&](int i) { return support[i] < minsup; }), q.end());
		patterns = supports = 0;
		Projection all;
		for (size_t i = 0; i < db.size(); i++)
			all.push_back({(int) i, 0});
		grow(all);
		best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count());
	}
	std::printf("%zu patterns, supports %zu, %.4f s\n", patterns, supports, best);
}
